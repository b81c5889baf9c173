import type { ZoneData } from 'postern/testing';

/** Returns an address in the form of reverse zones: octets or nibbles in reverse order. */
const reversed = (ip: string): string => {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}`;
  const [head = '', tail = ''] = ip.split('::');
  const groups = (text: string): string[] =>
    (text === '' ? [] : text.split(':')).map((group) => group.padStart(4, '0'));
  const before = groups(head);
  const after = groups(tail);
  const all = [...before, ...Array<string>(8 - before.length - after.length).fill('0000'), ...after].join('');
  return all.split('').reverse().join('.');
};
const pointer = (ip: string): string => `${reversed(ip)}.${ip.includes(':') ? 'ip6' : 'in-addr'}.arpa`;

/** Records of a host whose reverse and forward DNS agree. */
const host = (name: string, ip: string): ZoneData => ({
  [name]: ip.includes(':') ? { AAAA: [ip] } : { A: [ip] },
  [pointer(ip)]: { PTR: [name] },
});

/** Client addresses of the sessions. */
export const clients = {
  good: '198.51.100.10',
  good6: '2001:db8:1::10',
  listed: '203.0.113.7',
  listed6: '2001:db8:bad::1',
  nameless: '198.51.100.20',
  liar: '198.51.100.30',
  forger: '198.51.100.40',
  flood: '198.51.100.50',
  blocked: '192.0.2.9',
  user: '198.51.100.60',
} as const;

/** All DNS records that the demo uses. */
export const zoneData: ZoneData = {
  // Our own domain, with a single MX host for the audit to report.
  'example.com': { MX: [[10, 'mx.example.com']], TXT: ['v=spf1 mx -all'] },
  'mx.example.com': { A: ['203.0.113.25'] },

  // Clients.
  ...host('mx.good.example', clients.good),
  ...host('mx6.good.example', clients.good6),
  ...host('pool-7.spam.example', clients.listed),
  ...host('pool-6.spam.example', clients.listed6),
  ...host('mx.liar.example', clients.liar),
  ...host('mx.forger.example', clients.forger),
  ...host('mx.flood.example', clients.flood),

  // Senders.
  'good.example': { MX: [[10, 'mx.good.example']], TXT: ['v=spf1 include:_spf.good.example -all'] },
  '_spf.good.example': {
    TXT: [
      `v=spf1 ip4:${clients.good} ip6:${clients.good6} ip4:${clients.listed} ip6:${clients.listed6} ip4:${clients.nameless} ip4:${clients.liar} ip4:${clients.flood} -all`,
    ],
  },
  'soft.example': { MX: [[10, 'mx.good.example']], TXT: ['v=spf1 ~all'] },
  'twice.example': { MX: [[10, 'mx.good.example']], TXT: ['v=spf1 -all', 'v=spf1 +all'] },
  'silent.example': { MX: [[10, 'mx.good.example']], TXT: 'timeout' },
  'nomail.example': { MX: [[0, '']] },
  '_dmarc.bank.example': { TXT: ['v=DMARC1; p=reject'] },

  // DNS lists with the test entries of RFC 5782.
  [`${reversed(clients.listed)}.bl.lists.example`]: { A: ['127.0.0.2'] },
  [`${reversed(clients.listed6)}.bl.lists.example`]: { A: ['127.0.0.2'] },
  '2.0.0.127.bl.lists.example': { A: ['127.0.0.2'] },
  '2.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.lists.example': { A: ['127.0.0.2'] },
  // A list that answers every query with an error code.
  '*.busy.lists.example': { A: ['127.255.255.254'] },
  'example.net.uri.lists.example': { A: ['127.0.0.2'] },
  'test.uri.lists.example': { A: ['127.0.0.2'] },
};
