// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of ECMA-48 are control characters
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: whatever control character is left says nothing here
const controls = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** A line of a terminal program as plain text: colours, cursor moves and other control sequences are dropped. */
export function plainText(line: string): string {
  return line.replace(escapes, '').replace(controls, '');
}
