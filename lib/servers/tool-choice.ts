// Which tools of a server a group offers: all, single ones, or all but single ones. By original names, so that no overlay
// brings back what was left out.

/** As it is stored. */
export interface StoredChoice {
  /** Those on offer; null: all. */
  tools: readonly string[] | null;
  /** Where there are any: all but these are on offer, whatever `tools` says. */
  exceptTools?: readonly string[] | null;
}

/** Null: all, and what else comes with the server as a whole. */
export type ToolChoice = { names: ReadonlySet<string>; areOffered: boolean } | null;

export function choiceOf({ tools, exceptTools }: StoredChoice): ToolChoice {
  if (exceptTools) return { names: new Set(exceptTools), areOffered: false };
  return tools && { names: new Set(tools), areOffered: true };
}

export function offers(choice: ToolChoice, tool: string): boolean {
  return choice === null || choice.names.has(tool) === choice.areOffered;
}
