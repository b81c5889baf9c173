import { isIP } from 'node:net';
import { questionName } from '../../dns/index.ts';

export type DnsTransport = 'udp' | 'tcp' | 'tls' | 'https';

/** A server to ask, spelt out. */
export interface DnsServer {
  /** An IP address; an IPv6 address may carry a zone (`fe80::1%eth0`). For `https` it may be left out. */
  readonly address?: string;
  /** 53 for `udp` and `tcp`, 853 for `tls`, 443 for `https` where not given. */
  readonly port?: number;
  /** `udp` where not given; what does not fit there is asked again over TCP. */
  readonly transport?: DnsTransport;
  /** The name in the server's certificate (RFC 8310). Where not given, the certificate must hold the address. */
  readonly name?: string;
  /** The path of a DNS over HTTPS server; `/dns-query` where not given. */
  readonly path?: string;
  /** PEM certificates of the authorities to trust, instead of those of the runtime. */
  readonly ca?: string;
}

/** A server with everything decided. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
  readonly transport: DnsTransport;
  readonly name: string;
  readonly path: string;
  readonly ca: string | undefined;
}

const ports = { udp: 53, tcp: 53, tls: 853, https: 443 } as const;
const example =
  'give it like "192.0.2.53", "[2001:db8::53]:5353", "tls://192.0.2.53#dns.example" or "https://dns.example/dns-query"';

/**
 * Reads `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`, with `tcp://` or `tls://` before it and
 * `#name` (the name in the certificate) behind it, or the URL of a DNS over HTTPS server; or takes the object form.
 *
 * @param option the name of the option, for the error
 * @throws TypeError that names the option and the value
 */
export function parseServer(server: string | DnsServer, option: string): ServerAddress {
  const wrong = (): never => {
    throw new TypeError(`${option} ${JSON.stringify(server)} is not a DNS server; ${example}`);
  };
  const parts = typeof server === 'string' ? split(server) : server;
  if (typeof parts !== 'object' || parts === null) return wrong();
  const { transport = 'udp', name, path = '/dns-query', ca } = parts;
  if (!Object.hasOwn(ports, transport)) return wrong();
  const { port = ports[transport] } = parts;
  const address = parts.address ?? (transport === 'https' ? name : undefined);
  if (typeof address !== 'string' || !Number.isInteger(port) || port < 1 || port > 65535 || !path.startsWith('/'))
    return wrong();
  if (isIP(address) === 0 && (transport !== 'https' || !questionName(address))) return wrong();
  if (name !== undefined && !questionName(name) && isIP(name) === 0) return wrong();
  return { address, port, transport, name: name ?? address, path, ca };
}

function split(text: string): DnsServer | undefined {
  if (/^https:/i.test(text)) {
    if (!URL.canParse(text)) return undefined;
    const { hostname, port, pathname, search } = new URL(text);
    const name = hostname.replace(/^\[|\]$/g, '');
    return {
      transport: 'https',
      name,
      path: pathname === '/' ? '/dns-query' : pathname + search,
      ...(port === '' ? {} : { port: Number(port) }),
    };
  }
  const found = /^(?:(udp|tcp|tls):\/\/)?(?:\[([^\]]+)\]|([^#[\]]*?))(?::(\d{1,5}))?(?:#([^#]+))?$/i.exec(text);
  if (found === null) return undefined;
  const [, transport, bracketed, bare = '', port, name] = found;
  // "2001:db8::53" has colons but no port: without brackets, only dotted addresses carry one.
  const plain = isIP(bracketed ?? bare) === 0 && port !== undefined && isIP(`${bare}:${port}`) === 6;
  return {
    address: plain ? `${bare}:${port}` : (bracketed ?? bare),
    ...(port === undefined || plain ? {} : { port: Number(port) }),
    ...(transport === undefined ? {} : { transport: transport.toLowerCase() as DnsTransport }),
    name,
  };
}

/** `udp://192.0.2.53:53`, for logs. */
export const printServer = ({ transport, address, port, name }: ServerAddress): string =>
  `${transport}://${address.includes(':') ? `[${address}]` : address}:${port}${name === address ? '' : `#${name}`}`;
