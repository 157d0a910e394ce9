import type { Page, Response } from '@playwright/test';

/** A page that was not found keeps a piece that is never shown. */
const wholeMs = 1_500;

/** Goes to a page and waits until it is whole: while it arrives in pieces, it holds some of them twice, one hidden. */
export async function visit(page: Page, url: string): Promise<Response | null> {
  const response = await page.goto(url);
  await page
    .waitForFunction(() => !document.querySelector('[hidden][id^="S:"]'), undefined, { timeout: wholeMs })
    .catch(() => undefined);
  return response;
}
