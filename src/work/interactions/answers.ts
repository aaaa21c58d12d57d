import { refuse } from '../../platform/kernel/errors.ts'
import type { InteractionRow } from './queries.ts'
import type { AskUserQuestions, Respond } from './views.ts'

type Answers = Respond['answers']

const refuseAnswer = (message: string, questionId: string): never => refuse('unprocessable', { message, details: { questionId } })

/** The chosen options in the order of the question, so that equal answers are stored equally. @throws Refusal `unprocessable` */
function chosenOptions(question: AskUserQuestions['questions'][number], optionIds: readonly string[]): string[] {
  const selected = question.options.map((option) => option.id).filter((id) => optionIds.includes(id))
  if (selected.length !== new Set(optionIds).size) refuseAnswer('An answer names an option the question does not have', question.id)
  if (question.selectionMode === 'single' && selected.length > 1) refuseAnswer('This question takes one option', question.id)
  return selected
}

/**
 * Checks answers against their questions, and returns them in the order of the questions without the empty ones.
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

/** Whether an answered interaction has exactly these answers. */
export function isSameAnswer(resolved: InteractionRow, response: Respond): boolean {
  const { answers = [], summaryMarkdown = null } = (resolved.result ?? {}) as Partial<Respond>
  return (
    canonicalAnswers(answers, summaryMarkdown) ===
    canonicalAnswers(validateAnswers(resolved.payload as unknown as AskUserQuestions, response), response.summaryMarkdown)
  )
}
