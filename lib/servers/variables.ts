// Which variables a program may be given.

/** Variables that make a child load foreign code; Windows does not tell cases apart. */
const codeLoading = /^(NODE_OPTIONS|BASH_ENV|LD_.*|DYLD_.*)$/i;
/** The hub finds the processes of a server by it (worker/upstream/environment.ts). */
const markerName = 'MCPHUB_INSTANCE';

/** Why a variable may not have this name; null where it may. */
export function variableFault(name: string): string | null {
  if (codeLoading.test(name)) return 'is refused: this variable would load foreign code';
  if (name === markerName) return 'is set by the hub itself';
  return /[=\s\p{Cc}]/u.test(name) ? 'is not a legal name of a variable' : null;
}
