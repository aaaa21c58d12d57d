// The parts of the locks page that its tests look at.

import type { Locator, Page } from 'playwright-core'

/** The row of an issue in the table of locks. */
export const rowOf = (page: Page, { identifier }: { readonly identifier: string }): Locator =>
  page.getByRole('table', { name: 'Locks' }).getByRole('row').filter({ hasText: identifier })

export const dialogOf = (page: Page): Locator => page.getByRole('dialog', { name: 'Force-release' })

/** The part of the dialog about one issue. */
export const partOf = (page: Page, { identifier }: { readonly identifier: string }): Locator =>
  dialogOf(page).getByRole('listitem', { name: identifier, exact: true })

/** The identifiers of the issues in the table, in their order. */
export const identifiersIn = async (page: Page): Promise<string[]> =>
  await page
    .getByRole('table', { name: 'Locks' })
    .getByRole('link', { name: /^[A-Z]+\d*-\d+$/ })
    .allTextContents()
