/**
 * Puts text on the clipboard. Over plain http on another address than localhost browsers offer no clipboard API, so
 * the old command is the fallback.
 * @returns whether it worked
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    // Inside an open dialog, or its focus trap would take the selection away.
    const parent = document.activeElement?.parentElement ?? document.body;
    parent.append(area);
    area.select();
    try {
      return document.execCommand('copy');
    } finally {
      area.remove();
    }
  }
}
