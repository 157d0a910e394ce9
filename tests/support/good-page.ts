import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** Where pictures of the pages are put, for people to look at; none without it. */
const pictures = process.env.MCPHUB_TEST_PICTURES;

const everything = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** What can differ between the themes, which are the same pages in other colours. */
const colours = ['color-contrast', 'link-in-text-block'];

/** Both themes are free of what axe finds, and nothing is wider than a phone. @param name of the pictures */
export async function isGood(page: Page, name: string): Promise<void> {
  // A message over a button, or the head of a page that was scrolled, makes it a small target for a moment.
  await showMessages(page, false);
  await page.evaluate(() => window.scrollTo(0, 0));
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator('html')).toHaveClass(new RegExp(`\\b${colorScheme}\\b`));
    await isAccessible(page, `${name} ${colorScheme}`, colorScheme === 'dark' ? colours : undefined);
    for (const width of colorScheme === 'light' || pictures ? [1440, 390] : []) {
      await page.setViewportSize({ width, height: 900 });
      const overhang = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overhang, `${name} scrolls sideways at ${width}`).toBeLessThanOrEqual(0);
      if (pictures) await page.screenshot({ path: `${pictures}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  await page.emulateMedia({ colorScheme: null });
  await showMessages(page, true);
}

/** The page as it is shown now is free of what axe finds. @param rules instead of all of WCAG 2.2 A and AA */
export async function isAccessible(page: Page, name: string, rules?: string[]): Promise<void> {
  const axe = new AxeBuilder({ page }).setLegacyMode(); // no page of ours has frames
  axe.options({
    resultTypes: ['violations'],
    runOnly: rules ? { type: 'rule', values: rules } : { type: 'tag', values: everything },
  });
  const { violations } = await axe.analyze();
  const faults = violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`),
  );
  expect(faults, name).toEqual([]);
}

function showMessages(page: Page, isShown: boolean): Promise<void> {
  return page.evaluate(
    (display) => {
      for (const list of document.querySelectorAll<HTMLElement>('[data-sonner-toaster]')) list.style.display = display;
    },
    isShown ? '' : 'none',
  );
}
