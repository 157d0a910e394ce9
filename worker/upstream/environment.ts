// What a child process gets to see of our environment: an allow-list, so that no setting or secret of the hub and no
// switch that loads foreign code reaches it by accident. What the server's row names is added as it stands.

const inherited = new Set([
  'PATH',
  'HOME',
  'LANG',
  'LANGUAGE',
  'TMPDIR',
  'TEMP',
  'TMP',
  'USER',
  'LOGNAME',
  'SHELL',
  'TERM',
  'TZ',
  // Without these no program starts on Windows.
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'COMSPEC',
  'PATHEXT',
  'WINDIR',
  'USERPROFILE',
  'USERNAME',
  'APPDATA',
  'LOCALAPPDATA',
  'HOMEDRIVE',
  'HOMEPATH',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'PROCESSOR_ARCHITECTURE',
]);
const inheritedPrefixes = ['LC_', 'XDG_'];

/** Names by which every process of a hub's servers is found again, also after it left its group and session. */
export const markerName = 'MCPHUB_INSTANCE';

/**
 * @param own environment of this process
 * @param named what the server's row sets; it may set any name but the marker
 * @param marker `<installation id>:<instance id>`
 */
export function childEnvironment(
  own: Record<string, string | undefined>,
  named: Record<string, string>,
  marker: string,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined) continue;
    const upper = name.toUpperCase();
    // A value that begins with "()" is a function exported by a shell.
    const wanted = inherited.has(upper) || inheritedPrefixes.some((prefix) => upper.startsWith(prefix));
    if (wanted && !value.startsWith('()')) result[name] = value;
  }
  return { ...result, ...named, [markerName]: marker };
}
