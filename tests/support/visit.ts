import { expect, type Page, type Response } from '@playwright/test';

/** Goes to a page and waits until it is whole: while it arrives in pieces, it holds some of them twice, one hidden. */
export async function visit(page: Page, url: string): Promise<Response | null> {
  const response = await page.goto(url);
  await expect(page.locator('[hidden][id^="S:"]')).toHaveCount(0);
  return response;
}
