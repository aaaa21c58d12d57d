import { refuse } from '../../platform/kernel/errors.ts'
import type { InteractionRow } from './queries.ts'
import type { AskUserQuestions, Respond } from './views.ts'

type Answers = Respond['answers']

const refuseAnswer = (message: string, questionId: string): never => refuse('unprocessable', { message, details: { questionId } })

/** The options chosen for a question, in its own order, so that the same answer always reads the same. */
function chosenOptions(question: AskUserQuestions['questions'][number], optionIds: readonly string[]): string[] {
  const selected = question.options.map((option) => option.id).filter((id) => optionIds.includes(id))
  if (selected.length !== new Set(optionIds).size) refuseAnswer('An answer names an option the question does not have', question.id)
  if (question.selectionMode === 'single' && selected.length > 1) refuseAnswer('This question takes one option', question.id)
  return selected
}

/**
 * Answers that fit their questions, in the order of the questions; those left open are left out.
 * @throws Refusal `unprocessable`
 */
export function validateAnswers(payload: AskUserQuestions, response: Respond): Answers {
  for (const { questionId } of response.answers) {
    if (!payload.questions.some((question) => question.id === questionId))
      refuseAnswer('An answer is to a question that was not asked', questionId)
  }
  return payload.questions.flatMap((question) => {
    const answer = response.answers.find((each) => each.questionId === question.id)
    const optionIds = answer === undefined ? [] : chosenOptions(question, answer.optionIds)
    if (question.required === true && optionIds.length === 0) refuseAnswer('This question requires an answer', question.id)
    return optionIds.length === 0 ? [] : [{ questionId: question.id, optionIds }]
  })
}

const canonicalAnswers = (answers: Answers, summary: string | null | undefined): string =>
  JSON.stringify([answers.map(({ questionId, optionIds }) => [questionId, optionIds]), summary ?? null])

/** True when questions were answered before with these very answers. */
export function isSameAnswer(resolved: InteractionRow, response: Respond): boolean {
  const { answers = [], summaryMarkdown = null } = (resolved.result ?? {}) as Partial<Respond>
  return (
    canonicalAnswers(answers, summaryMarkdown) ===
    canonicalAnswers(validateAnswers(resolved.payload as unknown as AskUserQuestions, response), response.summaryMarkdown)
  )
}
