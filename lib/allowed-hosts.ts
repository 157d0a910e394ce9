// What MCPHUB_ALLOWED_HOSTS says: names and addresses under which the hub is reached beside its public URL. The door
// asks here for every request, and the web program for what only its own pages may send.

export interface AllowedHost {
  /** Lower case, IPv6 in brackets. */
  name: string;
  /** Null: any. */
  port: string | null;
  /** As browsers see it there; null: as in the public URL. */
  protocol: 'http' | 'https' | null;
}

const entryForm = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?\/?$/;

/** @returns the hosts, or one sentence for each entry that cannot be used */
export function readAllowedHosts(text: string): { hosts: AllowedHost[] } | { faults: string[] } {
  const hosts: AllowedHost[] = [];
  const faults: string[] = [];
  for (const each of text.toLowerCase().split(',')) {
    const entry = each.trim();
    if (entry === '') continue;
    const [, protocol, name, port] = entryForm.exec(entry) ?? [];
    if (name === undefined || !URL.canParse(`http://${name}${port === undefined ? '' : `:${port}`}`)) {
      const isStar = entry.includes('*');
      const why = isStar
        ? 'would allow names that others can make: name each host'
        : 'is no host such as hub.example.com';
      faults.push(`"${entry.slice(0, 80)}" ${why}`);
    } else {
      hosts.push({ name, port: port ?? null, protocol: (protocol as AllowedHost['protocol']) ?? null });
    }
  }
  return faults.length > 0 ? { faults } : { hosts };
}

/** The entry for a Host header that was taken apart; undefined: none. `port` is empty where the header names none. */
export function allowedHost(hosts: readonly AllowedHost[], name: string, port: string): AllowedHost | undefined {
  const wanted = name.toLowerCase();
  return hosts.find((each) => each.name === wanted && (each.port === null || isPort(each, port)));
}

function isPort({ port, protocol }: AllowedHost, given: string): boolean {
  if (given !== '') return port === given;
  return (port === '80' && protocol !== 'https') || (port === '443' && protocol !== 'http');
}
