import { refuse } from '../kernel/errors.ts'
import type { InteractionRow } from './queries.ts'
import type { AskUserQuestions, Respond } from './views.ts'

type Answers = Respond['answers']

const unfit = (message: string, questionId: string): never => refuse('unprocessable', { message, details: { questionId } })

/** The options chosen for a question, in its own order, so that the same answer always reads the same. */
function chosenOf(question: AskUserQuestions['questions'][number], optionIds: readonly string[]): string[] {
  const chosen = question.options.map((option) => option.id).filter((id) => optionIds.includes(id))
  if (chosen.length !== new Set(optionIds).size) unfit('An answer names an option the question does not have', question.id)
  if (question.selectionMode === 'single' && chosen.length > 1) unfit('This question takes one option', question.id)
  return chosen
}

/**
 * Answers that fit their questions, in the order of the questions; those left open are left out.
 * @throws Refusal `unprocessable`
 */
export function answersOf(payload: AskUserQuestions, given: Respond): Answers {
  for (const { questionId } of given.answers) {
    if (!payload.questions.some((question) => question.id === questionId))
      unfit('An answer is to a question that was not asked', questionId)
  }
  return payload.questions.flatMap((question) => {
    const answer = given.answers.find((each) => each.questionId === question.id)
    const optionIds = answer === undefined ? [] : chosenOf(question, answer.optionIds)
    if (question.required === true && optionIds.length === 0) unfit('This question requires an answer', question.id)
    return optionIds.length === 0 ? [] : [{ questionId: question.id, optionIds }]
  })
}

const textOf = (answers: Answers, summary: string | null | undefined): string =>
  JSON.stringify([answers.map(({ questionId, optionIds }) => [questionId, optionIds]), summary ?? null])

/** True when questions were answered before with these very answers. */
export function isSameAnswer(resolved: InteractionRow, given: Respond): boolean {
  const { answers = [], summaryMarkdown = null } = (resolved.result ?? {}) as Partial<Respond>
  return (
    textOf(answers, summaryMarkdown) === textOf(answersOf(resolved.payload as unknown as AskUserQuestions, given), given.summaryMarkdown)
  )
}
