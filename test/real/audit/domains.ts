import { generateKeyPairSync } from 'node:crypto';
import type { AuditOptions, FindingId } from 'postern/audit';
import type { ZoneData, ZoneEntry } from 'postern/testing';
import type { Truth } from './truth.ts';

/** A domain as it stands in the DNS, and what is so of it. */
export interface DomainCase extends Truth {
  readonly zone: ZoneData;
  /** The DNS answers it with outcomes that only a resolver of a test has; a real server is not asked. */
  readonly madeUp: boolean;
}

/** With these, what documentation is written with counts as the Internet. */
export const domainOptions: AuditOptions = {
  dnsOnly: true,
  publicNetworks: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'],
  dkimSelectors: ['s1'],
};

const rsa = (modulusLength: number): string => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
};
const goodKey = rsa(2_048);
const ed25519 = (): string => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return `v=DKIM1; k=ed25519; p=${der.subarray(-32).toString('base64')}`;
};

let number = 0;
/** Addresses of its own for each domain, in networks that differ. */
interface Own {
  readonly domain: string;
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly v6: (network: number) => string;
}

interface Change {
  /** Names below the domain ("" is the domain), or whole names with a dot at the end. Undefined takes a name away. */
  readonly [name: string]: ZoneEntry | 'temperror' | 'timeout' | 'silent' | 'nxdomain' | undefined;
}

const reverse = (address: string): string => `${address.split('.').reverse().join('.')}.in-addr.arpa.`;
/** Of a full address: "2001:db8:1::9". */
function reverse6(address: string): string {
  const [left = '', right = ''] = address.split('::');
  const head = left.split(':');
  const tail = right.split(':');
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  const digits = groups.map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa.`;
}
const pointer = (address: string, host: string): Change => ({
  [address.includes(':') ? reverse6(address) : reverse(address)]: { PTR: [host] },
});

const outcomes = new Set(['temperror', 'timeout', 'silent', 'refused']);
const isMadeUp = (zone: ZoneData): boolean =>
  Object.values(zone).some((entry) =>
    typeof entry === 'string'
      ? outcomes.has(entry)
      : Object.values(entry).some((value) => outcomes.has(value as string)),
  );

/** A domain where everything is as it should be, but for the change. */
function domain(
  name: string,
  what: string,
  must: readonly FindingId[],
  change: (own: Own) => Change = () => ({}),
  more: Pick<Truth, 'may' | 'oneOf' | 'options'> & { readonly domain?: string } = {},
): DomainCase {
  const n = ++number;
  const site = `${name}.example`;
  const own: Own = {
    domain: site,
    a: `192.0.2.${n}`,
    b: `198.51.100.${n}`,
    c: `203.0.113.${n}`,
    v6: (network) => `2001:db8:${network}::${n.toString(16)}`,
  };
  const all: Change = {
    '': {
      MX: [
        [10, `mx1.${site}`],
        [20, `mx2.${site}`],
      ],
      TXT: ['v=spf1 mx -all'],
    },
    mx1: { A: [own.a] },
    mx2: { A: [own.b] },
    ...pointer(own.a, `mx1.${site}`),
    ...pointer(own.b, `mx2.${site}`),
    _dmarc: { TXT: [`v=DMARC1; p=reject; rua=mailto:dmarc@${site}`] },
    '_smtp._tls': { TXT: [`v=TLSRPTv1; rua=mailto:tls@${site}`] },
    's1._domainkey': { TXT: [goodKey] },
    imap: { A: [own.a] },
    '_imaps._tcp': { SRV: [[0, 1, 993, `imap.${site}`]] },
    '_submissions._tcp': { SRV: [[0, 1, 465, `imap.${site}`]] },
    ...change(own),
  };
  const zone: Record<string, ZoneEntry | 'temperror' | 'timeout' | 'silent' | 'nxdomain'> = {};
  for (const [label, entry] of Object.entries(all))
    if (entry !== undefined)
      zone[label.endsWith('.') ? label.slice(0, -1) : label === '' ? site : `${label}.${site}`] = entry;
  return { domain: site, what, must, zone, madeUp: isMadeUp(zone), ...more };
}

const spf = (name: string, what: string, must: readonly FindingId[], record: string, others: Change = {}): DomainCase =>
  domain(name, what, must, ({ domain }) => ({
    '': {
      MX: [
        [10, `mx1.${domain}`],
        [20, `mx2.${domain}`],
      ],
      TXT: [record.replaceAll('$', domain)],
    },
    ...others,
  }));
const at = (name: string, what: string, must: readonly FindingId[], label: string, ...texts: string[]): DomainCase =>
  domain(name, what, must, () => ({ [label]: texts.length === 0 ? undefined : { TXT: texts } }));
const mx = (...targets: string[]): ZoneEntry => ({
  MX: targets.map((target, i) => [10 * (i + 1), target]),
  TXT: ['v=spf1 mx -all'],
});

const caa = (
  name: string,
  what: string,
  must: readonly FindingId[],
  records: readonly (readonly [number, string, string])[],
): DomainCase =>
  domain(name, what, must, ({ domain }) => ({ '': { ...mx(`mx1.${domain}`, `mx2.${domain}`), CAA: records } }));

const none = { TXT: ['v=spf1 -all'] };
const noLogin: Change = { imap: undefined, '_imaps._tcp': undefined, '_submissions._tcp': undefined };

/** A list as RFC 5782 §5 wants one: 127.0.0.2 is on it, 127.0.0.1 is not. */
const listed = (zone: string, ...addresses: string[]): Change =>
  Object.fromEntries(
    ['127.0.0.2', ...addresses].map((address) => [
      `${address.split('.').reverse().join('.')}.${zone}.`,
      { A: ['127.0.0.2'], TXT: ['listed'] },
    ]),
  );

export const domainCases: readonly DomainCase[] = [
  domain('good', 'everything is in order', []),

  // The MX records and where they lead.
  domain('one-mx', 'one MX record', ['mx-single'], ({ domain }) => ({ '': mx(`mx1.${domain}`) })),
  domain('one-name', 'one MX record, for a name with addresses in two networks', ['mx-single'], ({ domain, a, b }) => ({
    '': mx(`mx1.${domain}`),
    mx1: { A: [a, b] },
    ...pointer(b, `mx1.${domain}`),
  })),
  domain('one-address', 'two MX records, one address', ['mx-one-address'], ({ a }) => ({ mx2: { A: [a] } })),
  domain('one-network', 'two MX hosts in one network', ['mx-one-network'], ({ domain, a }) => {
    const near = a.replace(/\d+$/, (last) => String(255 - Number(last)));
    return { mx2: { A: [near] }, ...pointer(near, `mx2.${domain}`) };
  }),
  domain('shared', 'two names for the same two machines in two networks', [], ({ domain, a, b }) => ({
    mx1: { A: [a, b] },
    mx2: { A: [a, b] },
    ...pointer(b, `mx1.${domain}`),
  })),
  domain('apex-mx', 'the domain itself is one MX host', [], ({ domain, a }) => ({
    '': { ...mx(domain, `mx2.${domain}`), A: [a] },
    ...pointer(a, domain),
  })),
  domain('cname', 'a target that is an alias', ['mx-cname'], ({ domain, b }) => ({
    mx2: { CNAME: `host.${domain}` },
    host: { A: [b] },
    ...pointer(b, `host.${domain}`),
  })),
  domain('cname-twice', 'a target that is an alias of an alias', ['mx-cname'], ({ domain, b }) => ({
    mx2: { CNAME: `alias.${domain}` },
    alias: { CNAME: `host.${domain}` },
    host: { A: [b] },
    ...pointer(b, `host.${domain}`),
  })),
  domain('cname-nowhere', 'an alias that leads nowhere', ['mx-cname', 'mx-unresolvable'], ({ domain }) => ({
    '': mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`),
    mx3: { CNAME: `gone.${domain}` },
  })),
  domain(
    'cname-loop',
    'an alias of itself, by way of another',
    ['mx-cname', 'mx-unresolvable'],
    ({ domain }) => ({
      '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`), TXT: ['v=spf1 a:mx1.cname-loop.example -all'] },
      mx3: { CNAME: `mx4.${domain}` },
      mx4: { CNAME: `mx3.${domain}` },
    }),
    {},
  ),
  domain(
    'literal',
    'an IP address as only target',
    ['mx-address-literal'],
    ({ a }) => ({ '': { ...mx(a), ...none } }),
    {
      may: ['mx-none-usable', 'mx-single'],
    },
  ),
  domain('literal-one', 'an IP address beside one host', ['mx-address-literal', 'mx-single'], ({ domain, b }) => ({
    '': { ...mx(`mx1.${domain}`, b), TXT: ['v=spf1 a:mx1.literal-one.example -all'] },
  })),
  domain('literal-two', 'an IP address beside two hosts', ['mx-address-literal'], ({ domain, c }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, c), ...none },
  })),
  domain(
    'underscore',
    'a third target with an underscore, which no host name has, and which works',
    ['mx-invalid-target'],
    ({ domain, c }) => ({
      '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx_3.${domain}`), ...none },
      mx_3: { A: [c] },
      ...pointer(c, `mx_3.${domain}`),
    }),
    { may: ['ptr-unconfirmed'] },
  ),
  domain('no-name', 'a third target that is no name of a host', ['mx-invalid-target'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx!3.${domain}`), ...none },
  })),
  domain('reserved', 'a third target below a name that nobody can register', ['mx-unresolvable'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, 'mx.nobody.invalid'), ...none },
  })),
  domain('null', 'a null MX', ['null-mx'], () => ({ '': { MX: [[0, '']], ...none }, ...noLogin })),
  domain('null-mixed', 'a null MX beside others', ['null-mx-mixed'], ({ domain }) => ({
    '': {
      MX: [
        [0, ''],
        [10, `mx1.${domain}`],
        [20, `mx2.${domain}`],
      ],
      ...none,
    },
  })),
  domain('null-high', 'a null MX with a preference other than 0', ['null-mx', 'null-mx-preference'], () => ({
    '': { MX: [[10, '']], ...none },
    ...noLogin,
  })),
  domain(
    'private',
    'all addresses private',
    ['mx-private'],
    () => ({
      mx1: { A: ['10.1.2.3'] },
      mx2: { A: ['192.168.7.7'] },
    }),
    { may: ['mx-none-usable'] },
  ),
  domain('private-one', 'one of two MX hosts private', ['mx-private', 'mx-single'], () => ({
    mx2: { A: ['172.16.0.9'] },
  })),
  domain('private-beside', 'a private address beside a public one', ['mx-private'], ({ b }) => ({
    mx2: { A: [b, '10.0.0.5'] },
  })),
  domain(
    'loopback',
    'all addresses loopback',
    ['mx-private'],
    () => ({
      mx1: { A: ['127.0.0.1'] },
      mx2: { AAAA: ['::1'] },
    }),
    { may: ['mx-none-usable', 'mx-no-ipv4'] },
  ),
  domain(
    'shared-space',
    'addresses of a carrier, link-local ones',
    ['mx-private'],
    () => ({
      mx1: { A: ['100.64.1.1'] },
      mx2: { A: ['169.254.3.3'] },
    }),
    { may: ['mx-none-usable'] },
  ),
  domain('mapped', 'an IPv4 address in IPv6 clothes, private', ['mx-private', 'mx-single'], () => ({
    mx2: { AAAA: ['::ffff:10.0.0.1'] },
  })),
  domain('servfail', 'SERVFAIL for the MX records', ['dns-servfail'], () => ({
    '': { MX: 'temperror', A: 'temperror', AAAA: 'temperror', ...none },
  })),
  domain('servfail-one', 'SERVFAIL for one of two targets', ['dns-servfail'], () => ({
    '': { ...mx('mx1.servfail-one.example', 'mx2.servfail-one.example'), ...none },
    mx2: 'temperror',
  })),
  domain('servfail-third', 'SERVFAIL for one of three targets', ['dns-servfail'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`), ...none },
    mx3: 'temperror',
  })),
  domain('servfail-targets', 'SERVFAIL for all targets', ['dns-servfail'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`), ...none },
    mx1: 'temperror',
    mx2: 'temperror',
  })),
  domain('timeout', 'no answer for the MX records', ['dns-timeout'], () => ({
    '': { MX: 'timeout', A: 'timeout', AAAA: 'timeout', ...none },
  })),
  domain('timeout-one', 'no answer for one of two targets', ['dns-timeout'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`), ...none },
    mx2: 'timeout',
  })),
  domain(
    'refused',
    'REFUSED for the MX records',
    [],
    () => ({
      '': { MX: 'temperror', ...none },
    }),
    { oneOf: [['dns-error', 'dns-servfail']] },
  ),
  domain(
    'implicit',
    'no MX record, an address',
    ['mx-implicit'],
    ({ domain, a }) => ({
      '': { A: [a], ...none },
      ...pointer(a, domain),
    }),
    { may: ['mx-single'] },
  ),
  domain('no-host', 'neither MX record nor address', ['mx-none'], () => ({ '': none })),
  domain(
    'nxdomain',
    'the domain does not exist',
    ['mx-none'],
    () => ({
      '': undefined,
      mx1: undefined,
      mx2: undefined,
      _dmarc: undefined,
      '_smtp._tls': undefined,
      's1._domainkey': undefined,
      ...noLogin,
    }),
    { may: ['spf-missing', 'dmarc-missing', 'dkim-missing', 'dkim-key'] },
  ),
  domain('dangling', 'a third target in a domain that is free to take', ['mx-dangling'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, 'mx.free-to-take-4711.com'), ...none },
  })),
  domain(
    'dangling-only',
    'the only target in a domain that is free to take',
    ['mx-dangling'],
    () => ({
      '': { ...mx('mx.free-to-take-0815.org'), ...none },
    }),
    { may: ['mx-none-usable', 'mx-single'] },
  ),
  domain('unresolvable', 'a third target that does not exist', ['mx-unresolvable'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`), ...none },
  })),
  domain('unresolvable-second', 'the second target does not exist', ['mx-unresolvable', 'mx-single'], () => ({
    mx2: undefined,
  })),
  domain('no-address', 'a third target that has no address', ['mx-unresolvable'], ({ domain }) => ({
    '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`), ...none },
    mx3: { TXT: ['nothing here'] },
  })),
  domain('none-usable', 'no target has an address', ['mx-none-usable'], () => ({ mx1: undefined, mx2: undefined })),
  domain(
    'duplicate',
    'one host in other letters, with a dot at the end',
    ['mx-duplicate', 'mx-single'],
    ({ domain }) => ({
      '': mx(`mx1.${domain}`, `MX1.${domain.toUpperCase()}.`),
    }),
  ),
  domain('duplicate-third', 'two hosts, one of them twice', ['mx-duplicate'], ({ domain }) => ({
    '': mx(`mx1.${domain}`, `mx2.${domain}`, `Mx2.${domain}`),
  })),
  domain('v6-only', 'no IPv4', ['mx-no-ipv4'], ({ domain, v6 }) => ({
    mx1: { AAAA: [v6(1)] },
    mx2: { AAAA: [v6(2)] },
    ...pointer(v6(1), `mx1.${domain}`),
    ...pointer(v6(2), `mx2.${domain}`),
  })),
  domain('dual', 'both families everywhere', [], ({ domain, a, b, v6 }) => ({
    mx1: { A: [a], AAAA: [v6(1)] },
    mx2: { A: [b], AAAA: [v6(2)] },
    ...pointer(v6(1), `mx1.${domain}`),
    ...pointer(v6(2), `mx2.${domain}`),
  })),
  domain('dual-one', 'one host with both families is one host', ['mx-single'], ({ domain, a, v6 }) => ({
    '': mx(`mx1.${domain}`),
    mx1: { A: [a], AAAA: [v6(1)] },
    ...pointer(v6(1), `mx1.${domain}`),
  })),
  domain('v6-nearby', 'two hosts, IPv6 in one /48 and IPv4 in one /24', ['mx-one-network'], ({ domain, a, v6 }) => {
    const near = a.replace(/\d+$/, (last) => String(255 - Number(last)));
    const six = v6(1).replace('::', '::1:');
    return {
      mx1: { A: [a], AAAA: [v6(1)] },
      mx2: { A: [near], AAAA: [six] },
      ...pointer(near, `mx2.${domain}`),
      ...pointer(v6(1), `mx1.${domain}`),
      ...pointer(six, `mx2.${domain}`),
    };
  }),
  domain('google', 'one name of a provider', [], ({ c }) => ({
    '': { ...mx('smtp.google.com'), ...none },
    'smtp.google.com.': { A: [c] },
    ...pointer(c, 'smtp.google.com'),
  })),
  domain('microsoft', 'one name of a provider, made for the domain', [], ({ c }) => ({
    '': { ...mx('microsoft-example.mail.protection.outlook.com'), ...none },
    'microsoft-example.mail.protection.outlook.com.': { A: [c] },
    ...pointer(c, 'microsoft-example.mail.protection.outlook.com'),
  })),
  domain('looks-like-one', 'a name that only looks like that of a provider', ['mx-single'], ({ c }) => ({
    '': { ...mx('evilsmtp.google.com.example'), ...none },
    'evilsmtp.google.com.example.': { A: [c] },
    ...pointer(c, 'evilsmtp.google.com.example'),
  })),
  domain(
    'outer',
    'the domain is an alias of one that is in order',
    [],
    ({ domain, a, b }) => ({
      '': { TXT: ['nothing to see'] },
      mx1: undefined,
      mx2: undefined,
      alias: { CNAME: `real.${domain}` },
      real: mx(`mx1.real.${domain}`, `mx2.real.${domain}`),
      'mx1.real': { A: [a] },
      'mx2.real': { A: [b] },
      ...pointer(a, `mx1.real.${domain}`),
      ...pointer(b, `mx2.real.${domain}`),
    }),
    { domain: 'alias.outer.example', may: ['dkim-missing', 'dkim-key'] },
  ),

  domain(
    'aaaa-servfail',
    'SERVFAIL for the IPv6 address of one MX host',
    [],
    ({ b }) => ({
      mx2: { A: [b], AAAA: 'temperror' },
    }),
    { may: ['dns-servfail', 'lookup-failed'] },
  ),
  domain(
    'localhost',
    'localhost as third target',
    [],
    ({ domain }) => ({
      '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, 'localhost'), ...none },
      'localhost.': { A: ['127.0.0.1'] },
    }),
    { oneOf: [['mx-private', 'mx-invalid-target']] },
  ),
  domain(
    'one-label',
    'a third target of one label',
    [],
    ({ domain }) => ({
      '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, 'mailhost'), ...none },
    }),
    { oneOf: [['mx-unresolvable', 'mx-invalid-target']] },
  ),
  domain('v6-single', 'one host, IPv6 only', ['mx-single', 'mx-no-ipv4'], ({ domain, v6 }) => ({
    '': mx(`mx1.${domain}`),
    mx1: { AAAA: [v6(1)] },
    ...pointer(v6(1), `mx1.${domain}`),
  })),
  domain(
    'documentation',
    'a third target with an address of the documentation, which nobody has made public',
    ['mx-private'],
    ({ domain }) => ({
      '': { ...mx(`mx1.${domain}`, `mx2.${domain}`, `mx3.${domain}`), ...none },
      mx3: { AAAA: ['3fff::25'] },
    }),
  ),
  domain('wildcard-mx', 'every name below the domain takes mail', ['mx-wildcard'], ({ domain }) => ({
    '*': { MX: [[10, `mx1.${domain}`]] },
  })),
  domain('wildcard-null', 'no other name below the domain takes mail, and says so', [], () => ({
    '*': { MX: [[0, '']] },
  })),
  domain(
    'twenty-three',
    '23 MX hosts, of which the last does not exist',
    ['mx-unresolvable'],
    ({ domain, a, b }) => ({
      '': {
        ...mx(...Array.from({ length: 23 }, (_, at) => `m${at}.${domain}`)),
        TXT: ['v=spf1 a:mx1.twenty-three.example -all'],
      },
      ...Object.fromEntries(Array.from({ length: 22 }, (_, at) => [`m${at}`, { A: [at % 2 === 0 ? a : b] }])),
    }),
    { may: ['ptr-unconfirmed'] },
  ),
  domain(
    'sixty',
    'sixty MX hosts, of which the last ten are not looked at',
    ['mx-not-examined'],
    ({ domain, a, b }) => ({
      '': {
        ...mx(...Array.from({ length: 60 }, (_, at) => `m${at}.${domain}`)),
        TXT: ['v=spf1 a:mx1.sixty.example -all'],
      },
      ...Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`m${at}`, { A: [at % 2 === 0 ? a : b] }])),
    }),
    { may: ['ptr-unconfirmed'] },
  ),
  caa('caa', 'an authority that may issue', [], [[0, 'issue', 'ca.example']]),
  caa(
    'caa-nobody',
    'nobody may issue, and a property that nobody knows is critical',
    ['caa-record'],
    [
      [0, 'issue', ';'],
      [128, 'tbs', 'unknown'],
    ],
  ),
  caa('caa-syntax', 'an authority that is a sentence', ['caa-record'], [[0, 'issue', 'only our own, please']]),
  caa(
    'caa-open',
    'a property that nobody knows, and need not',
    [],
    [
      [0, 'issue', 'ca.example; validationmethods=dns-01'],
      [0, 'xnote', 'anything'],
    ],
  ),
  domain('dead', 'no question about the domain is answered', ['dns-timeout'], () => ({
    '': 'timeout',
    _dmarc: 'timeout',
    '_mta-sts': 'timeout',
    '_smtp._tls': 'timeout',
    's1._domainkey': 'timeout',
    '*': 'timeout',
    ...Object.fromEntries(
      ['submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'sieve'].map((service) => [
        `_${service}._tcp`,
        'timeout' as const,
      ]),
    ),
  })),
  domain('equal', 'two MX hosts of one preference', [], ({ domain }) => ({
    '': {
      MX: [
        [10, `mx1.${domain}`],
        [10, `mx2.${domain}`],
      ],
      TXT: ['v=spf1 mx -all'],
    },
  })),
  domain('high-preference', 'preferences at their limits', [], ({ domain }) => ({
    '': {
      MX: [
        [0, `mx1.${domain}`],
        [65_535, `mx2.${domain}`],
      ],
      TXT: ['v=spf1 mx -all'],
    },
  })),
  domain('twenty', 'twenty MX hosts', [], ({ domain, a, b }) => ({
    '': {
      ...mx(...Array.from({ length: 20 }, (_, at) => `m${at}.${domain}`)),
      TXT: ['v=spf1 a:mx1.twenty.example -all'],
    },
    ...Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`m${at}`, { A: [at % 2 === 0 ? a : b] }])),
  })),
  domain('long-names', 'names as long as they may be', [], ({ a, b }) => {
    const deep = (letter: string): string =>
      `${[letter.repeat(63), letter.repeat(63), letter.repeat(63)].join('.')}.long-names.example`;
    return {
      '': mx(deep('a'), deep('b')),
      [`${deep('a')}.`]: { A: [a] },
      [`${deep('b')}.`]: { A: [b] },
      ...pointer(a, deep('a')),
      ...pointer(b, deep('b')),
    };
  }),
  domain('punycode', 'an MX host with a name in A-labels', [], ({ domain, b }) => ({
    '': mx(`mx1.${domain}`, `xn--mx-2-gra.${domain}`),
    'xn--mx-2-gra': { A: [b] },
    ...pointer(b, `xn--mx-2-gra.${domain}`),
  })),
  domain(
    'alias-loop',
    'the domain is an alias of itself',
    [],
    () => ({
      '': { CNAME: 'alias-loop.example' },
      mx1: undefined,
      mx2: undefined,
    }),
    { oneOf: [['mx-none']], may: ['lookup-failed', 'spf-missing', 'spf-error'] },
  ),

  // SPF.
  spf('spf-empty', 'nothing but the version', ['spf-neutral'], 'v=spf1'),
  spf('spf-ptr', 'a mechanism that nobody should use', [], 'v=spf1 mx ptr -all'),
  spf('spf-macro', 'a mechanism for each sender', [], 'v=spf1 mx exists:%{i}._spf.$ -all'),
  spf('spf-void-two', 'two look-ups of what does not exist', [], 'v=spf1 mx a:x.$ a:y.$ -all'),
  spf('spf-redirect-and-all', 'a redirect behind all, which nobody follows', [], 'v=spf1 mx -all redirect=gone.$'),
  spf('spf-redirect-gone', 'a redirect to nothing', ['spf-error'], 'v=spf1 mx redirect=gone.$'),
  spf('spf-include-servfail', 'an include that is not answered', ['lookup-failed'], 'v=spf1 mx include:broken.$ -all', {
    broken: 'temperror',
  }),
  spf('spf-include-error', 'an include of a record in error', ['spf-error'], 'v=spf1 mx include:wrong.$ -all', {
    wrong: { TXT: ['v=spf1 bogus -all'] },
  }),
  spf('spf-include-two', 'an include of a name with two records', ['spf-error'], 'v=spf1 mx include:twice.$ -all', {
    twice: { TXT: ['v=spf1 -all', 'v=spf1 ~all'] },
  }),
  spf('spf-v6-world', 'ip6 with a prefix of nothing', ['spf-open'], 'v=spf1 mx ip6:::/0 -all'),
  spf('spf-exists-everybody', 'a name that exists for everybody', ['spf-open'], 'v=spf1 exists:yes.$ -all', {
    yes: { A: ['127.0.0.2'] },
  }),
  spf('spf-a-world', "the domain's address with a prefix of nothing", ['spf-open'], 'v=spf1 a:mx1.$/0 -all'),
  spf('spf-bad-cidr', 'a prefix that is too long', ['spf-error'], 'v=spf1 ip4:192.0.2.0/33 -all'),
  spf('spf-many-mx', 'a mechanism of more than ten MX hosts', ['spf-error'], 'v=spf1 mx:big.$ -all', {
    big: { MX: Array.from({ length: 12 }, (_, at) => [at, `m${at}.spf-many-mx.example`] as const) },
    ...Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`m${at}`, { A: ['192.0.2.200'] }])),
  }),
  domain('spf-none', 'no SPF record', ['spf-missing'], ({ domain }) => ({
    '': { MX: mx(`mx1.${domain}`, `mx2.${domain}`).MX, TXT: ['google-site-verification=x', 'v=spf10 -all'] },
  })),
  domain('spf-two', 'two SPF records', ['spf-error'], ({ domain }) => ({
    '': { MX: mx(`mx1.${domain}`, `mx2.${domain}`).MX, TXT: ['v=spf1 mx -all', 'v=spf1 -all'] },
  })),
  spf(
    'spf-many',
    'eleven look-ups',
    ['spf-error'],
    `v=spf1 ${Array.from({ length: 11 }, (_, i) => `include:s${i}.$`).join(' ')} -all`,
    Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`s${i}`, { TXT: ['v=spf1 ip4:192.0.2.200 -all'] }])),
  ),
  spf(
    'spf-ten',
    'ten look-ups',
    [],
    `v=spf1 ${Array.from({ length: 10 }, (_, i) => `include:s${i}.$`).join(' ')} -all`,
    Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`s${i}`, { TXT: ['v=spf1 ip4:192.0.2.200 -all'] }])),
  ),
  spf(
    'spf-nested',
    'eleven look-ups, most of them in what is included',
    ['spf-error'],
    'v=spf1 mx include:inner.$ -all',
    {
      inner: {
        TXT: [`v=spf1 ${Array.from({ length: 9 }, (_, i) => `include:s${i}.spf-nested.example`).join(' ')} -all`],
      },
      ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`s${i}`, { TXT: ['v=spf1 ip4:192.0.2.200 -all'] }])),
    },
  ),
  spf('spf-open-all', '+all', ['spf-open'], 'v=spf1 mx +all'),
  spf('spf-bare-all', 'all without a qualifier', ['spf-open'], 'v=spf1 mx all'),
  spf('spf-redirect-open', 'redirect to +all', ['spf-open'], 'v=spf1 redirect=_spf.$', {
    _spf: { TXT: ['v=spf1 +all'] },
  }),
  spf('spf-include-open', 'everybody passes what is included', ['spf-open'], 'v=spf1 include:_spf.$ -all', {
    _spf: { TXT: ['v=spf1 +all'] },
  }),
  spf('spf-include-neutral', 'what is included ends in ?all', [], 'v=spf1 include:_spf.$ -all', {
    _spf: { TXT: ['v=spf1 ip4:192.0.2.200 ?all'] },
  }),
  spf('spf-world', 'ip4 with a prefix of nothing', ['spf-open'], 'v=spf1 ip4:0.0.0.0/0 -all'),
  spf('spf-halves', 'the world in two halves', ['spf-open'], 'v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all'),
  spf('spf-question', '?all', ['spf-neutral'], 'v=spf1 mx ?all'),
  spf('spf-no-end', 'no all at the end', ['spf-neutral'], 'v=spf1 mx'),
  spf('spf-soft', '~all, in capital letters, with spaces', [], 'V=SPF1  MX  ~ALL'),
  spf('spf-syntax', 'a mechanism that does not exist', ['spf-error'], 'v=spf1 ipv4:192.0.2.1 -all'),
  spf('spf-after-all', 'an error behind all', ['spf-error'], 'v=spf1 mx -all ip4:192.0.2.999'),
  spf('spf-include-none', 'an include of nothing', ['spf-error'], 'v=spf1 mx include:gone.$ -all'),
  spf('spf-void', 'three look-ups of what does not exist', ['spf-error'], 'v=spf1 a:x.$ a:y.$ a:z.$ -all'),
  spf('spf-self', 'an include of itself', ['spf-error'], 'v=spf1 include:$ -all'),
  spf('spf-unknown-modifier', 'a modifier that nobody knows, exp', [], 'v=spf1 mx moo=%{d} exp=why.$ -all', {
    why: { TXT: ['no'] },
  }),
  domain('spf-split', 'an SPF record in many strings', [], ({ domain }) => ({
    '': { MX: mx(`mx1.${domain}`, `mx2.${domain}`).MX, TXT: [['v=spf', '1 m', 'x -a', 'll'], 'something else'] },
  })),
  domain('spf-servfail', 'SERVFAIL for the TXT records', ['lookup-failed'], ({ domain }) => ({
    '': { MX: mx(`mx1.${domain}`, `mx2.${domain}`).MX, TXT: 'temperror' },
  })),
  domain(
    'spf-null',
    'a domain without mail that says so',
    ['null-mx'],
    () => ({
      '': { MX: [[0, '']], TXT: ['v=spf1 -all'] },
      ...noLogin,
      's1._domainkey': undefined,
    }),
    { may: ['dkim-missing', 'dkim-key'] },
  ),

  // DMARC.
  at('dmarc-gone', 'no DMARC record', ['dmarc-missing'], '_dmarc'),
  at('dmarc-two', 'two DMARC records', ['dmarc-record'], '_dmarc', 'v=DMARC1; p=reject', 'v=DMARC1; p=none'),
  at('dmarc-with-other', 'a DMARC record beside another text', [], '_dmarc', 'v=DMARC1; p=reject', 'hello'),
  at('dmarc-p-none', 'p=none', ['dmarc-none'], '_dmarc', 'v=DMARC1; p=none; rua=mailto:a@dmarc-p-none.example'),
  at('dmarc-p-wrong', 'a policy that does not exist', ['dmarc-record'], '_dmarc', 'v=DMARC1; p=block'),
  at('dmarc-p-missing', 'no policy, no reports', ['dmarc-record'], '_dmarc', 'v=DMARC1; adkim=s'),
  domain('dmarc-order', 'the version stands last', [], () => ({ _dmarc: { TXT: ['p=reject; v=DMARC1'] } }), {
    oneOf: [['dmarc-missing', 'dmarc-record']],
  }),
  at('dmarc-spaces', 'spaces and capitals where they may be', [], '_dmarc', 'v=DMARC1 ;p = quarantine ; PCT=100;'),
  at(
    'dmarc-external',
    'reports to a domain that did not agree',
    ['dmarc-reports'],
    '_dmarc',
    'v=DMARC1; p=reject; rua=mailto:reports@collector-no.example',
  ),
  domain('dmarc-agreed', 'reports to a domain that agreed', [], ({ domain }) => ({
    _dmarc: { TXT: ['v=DMARC1; p=reject; rua=mailto:reports@collector-yes.example!10m'] },
    [`${domain}._report._dmarc.collector-yes.example.`]: { TXT: ['v=DMARC1;'] },
  })),
  domain('dmarc-agreed-all', 'reports to a domain that agreed to those of all', [], () => ({
    _dmarc: { TXT: ['v=DMARC1; p=reject; rua=mailto:reports@collector-all.example'] },
    '*._report._dmarc.collector-all.example.': { TXT: ['v=DMARC1'] },
  })),
  at(
    'dmarc-below',
    'reports to a host of the same organisation',
    [],
    '_dmarc',
    'v=DMARC1; p=reject; rua=mailto:a@reports.dmarc-below.example',
  ),
  domain(
    'dmarc-org',
    'a subdomain under the policy of its organisation',
    [],
    ({ domain, a, b }) => ({
      sub: mx(`mx1.sub.${domain}`, `mx2.sub.${domain}`),
      'mx1.sub': { A: [a] },
      'mx2.sub': { A: [b] },
      ...pointer(a, `mx1.sub.${domain}`),
      ...pointer(b, `mx2.sub.${domain}`),
      's1._domainkey.sub': { TXT: [goodKey] },
    }),
    { domain: 'sub.dmarc-org.example' },
  ),
  domain('dmarc-servfail', 'SERVFAIL for the DMARC record', ['lookup-failed'], () => ({ _dmarc: 'temperror' })),

  domain('dmarc-cname', 'the policy lies with somebody else', [], () => ({
    _dmarc: { CNAME: 'policy.dmarc-provider.example' },
    'policy.dmarc-provider.example.': { TXT: ['v=DMARC1; p=quarantine'] },
  })),
  at('dmarc-split', 'two policies in one record', ['dmarc-record'], '_dmarc', 'v=DMARC1; p=reject; p=none'),
  domain(
    'dmarc-case',
    'the version in small letters, which it may not be in',
    [],
    () => ({ _dmarc: { TXT: ['v=dmarc1; p=reject'] } }),
    {
      oneOf: [['dmarc-missing', 'dmarc-record']],
    },
  ),
  domain(
    'dmarc-org-none',
    'a subdomain whose organisation has a policy of none for it',
    ['dmarc-none'],
    ({ domain, a, b }) => ({
      _dmarc: { TXT: ['v=DMARC1; p=reject; sp=none'] },
      sub: mx(`mx1.sub.${domain}`, `mx2.sub.${domain}`),
      'mx1.sub': { A: [a] },
      'mx2.sub': { A: [b] },
      ...pointer(a, `mx1.sub.${domain}`),
      ...pointer(b, `mx2.sub.${domain}`),
      's1._domainkey.sub': { TXT: [goodKey] },
    }),
    { domain: 'sub.dmarc-org-none.example', may: [] },
  ),

  // TLS-RPT, MTA-STS.
  at('tlsrpt-gone', 'no reports about TLS', ['tls-rpt-missing'], '_smtp._tls'),
  at('tlsrpt-no-rua', 'reports to nobody', ['tls-rpt-record'], '_smtp._tls', 'v=TLSRPTv1;'),
  at(
    'tlsrpt-two',
    'two records of TLS-RPT',
    ['tls-rpt-record'],
    '_smtp._tls',
    'v=TLSRPTv1; rua=mailto:a@b.example',
    'v=TLSRPTv1; rua=mailto:c@b.example',
  ),
  at(
    'tlsrpt-scheme',
    'reports by a scheme that is none',
    ['tls-rpt-record'],
    '_smtp._tls',
    'v=TLSRPTv1; rua=ftp://b.example/',
  ),
  at(
    'tlsrpt-https',
    'reports by HTTPS and by mail',
    [],
    '_smtp._tls',
    'v=TLSRPTv1;rua=https://b.example/r,mailto:a@b.example;',
  ),
  at('sts-no-id', 'a record of MTA-STS without id', ['mta-sts-record'], '_mta-sts', 'v=STSv1;'),
  at('sts-bad-id', 'an id with a hyphen', ['mta-sts-record'], '_mta-sts', 'v=STSv1; id=2024-01-01;'),
  at('sts-two', 'two records of MTA-STS', ['mta-sts-record'], '_mta-sts', 'v=STSv1; id=1', 'v=STSv1; id=2'),
  at('sts-long-id', 'an id of 33 characters', ['mta-sts-record'], '_mta-sts', `v=STSv1; id=${'a'.repeat(33)};`),

  // A wildcard answers everything with the SPF record.
  domain(
    'wildcard',
    'a wildcard TXT record stands for all that is missing',
    ['dmarc-missing'],
    () => ({
      '*': { TXT: ['v=spf1 -all'] },
      _dmarc: undefined,
      '_smtp._tls': undefined,
    }),
    { may: ['tls-rpt-missing', 'mta-sts-missing'] },
  ),

  // DKIM.
  domain('dkim-revoked', 'a selector that was revoked', ['dkim-key'], () => ({
    's1._domainkey': { TXT: ['v=DKIM1; p='] },
  })),
  domain('dkim-1024', '1024 bits', ['dkim-weak'], () => ({ 's1._domainkey': { TXT: [rsa(1_024)] } })),
  domain(
    'dkim-gone',
    'a selector that is not there',
    ['dkim-key'],
    () => ({
      's1._domainkey': undefined,
      's2._domainkey': { TXT: [goodKey] },
    }),
    { may: ['dkim-missing'] },
  ),
  domain('dkim-garbage', 'a key that is none', ['dkim-key'], () => ({
    's1._domainkey': { TXT: ['v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0'] },
  })),
  domain('dkim-ed25519', 'Ed25519', [], () => ({ 's1._domainkey': { TXT: [ed25519()] } })),
  domain('dkim-cname', 'the key lies with a provider', [], () => ({
    's1._domainkey': { CNAME: 's1.dkim-provider.example' },
    's1.dkim-provider.example.': { TXT: [goodKey] },
  })),
  domain('dkim-split', 'a key in strings of odd length', [], () => ({
    's1._domainkey': { TXT: [goodKey.match(/.{1,77}/g) ?? []] },
  })),
  domain('dkim-plain', 'a key with no tag but p', [], () => ({
    's1._domainkey': { TXT: [goodKey.replace('v=DKIM1; k=rsa; ', '')] },
  })),
  domain('dkim-servfail', 'SERVFAIL for the selector', ['lookup-failed'], () => ({ 's1._domainkey': 'temperror' })),

  // SRV.
  domain('srv-alias', 'an SRV record for an alias', ['srv-target'], ({ domain }) => ({
    imap: { CNAME: `mx1.${domain}` },
  })),
  domain('srv-nowhere', 'an SRV record for nothing', ['srv-target'], () => ({ imap: undefined })),
  domain('srv-none', 'a service that is said not to be there', [], () => ({
    '_pop3._tcp': { SRV: [[0, 0, 0, '']] },
    '_pop3s._tcp': { SRV: [[0, 0, 0, '']] },
  })),
  domain('srv-clear', 'the port in clear text first', ['srv-clear-preferred'], ({ domain }) => ({
    '_imap._tcp': { SRV: [[0, 1, 143, `imap.${domain}`]] },
    '_imaps._tcp': { SRV: [[10, 1, 993, `imap.${domain}`]] },
  })),
  domain('srv-tls-first', 'the port with TLS first', [], ({ domain }) => ({
    '_imap._tcp': { SRV: [[10, 1, 143, `imap.${domain}`]] },
    '_imaps._tcp': { SRV: [[0, 1, 993, `imap.${domain}`]] },
  })),
  domain('srv-gone', 'no SRV records', ['srv-missing'], () => noLogin),
  domain('srv-servfail', 'SERVFAIL for an SRV record', ['lookup-failed'], () => ({ '_imaps._tcp': 'temperror' })),
  domain('srv-target-servfail', 'SERVFAIL for the target of SRV records', ['lookup-failed'], () => ({
    imap: 'temperror',
  })),

  // Names of addresses.
  domain('ptr-gone', 'an address without a name', ['ptr-missing'], ({ b }) => ({ [reverse(b)]: undefined })),
  domain('ptr-other', 'a name that leads elsewhere', ['ptr-unconfirmed'], ({ domain, b }) => ({
    [reverse(b)]: { PTR: [`mx1.${domain}`] },
  })),
  domain('ptr-nowhere', 'a name that leads nowhere', ['ptr-unconfirmed'], ({ domain, b }) => ({
    [reverse(b)]: { PTR: [`gone.${domain}`] },
  })),
  domain('ptr-many', 'several names, of which one leads back', [], ({ domain, b }) => ({
    [reverse(b)]: { PTR: [`gone.${domain}`, `mx1.${domain}`, `mx2.${domain}`] },
  })),
  domain('ptr-servfail', 'SERVFAIL for the name of an address', ['lookup-failed'], ({ b }) => ({
    [reverse(b)]: 'temperror',
  })),
  domain('ptr-name-servfail', 'SERVFAIL for the address of the name', ['lookup-failed'], ({ b }) => ({
    [reverse(b)]: { PTR: ['odd.ptr-name-servfail.example'] },
    odd: 'temperror',
  })),

  domain('ptr-delegated', 'the name of an address is delegated (RFC 2317)', [], ({ domain, b }) => ({
    [reverse(b)]: { CNAME: `7.0-63.${domain}` },
    '7.0-63': { PTR: [`mx2.${domain}`] },
  })),
  domain('ptr-alias', 'the name of an address is an alias that leads back', [], ({ domain, b }) => ({
    [reverse(b)]: { PTR: [`smtp.${domain}`] },
    smtp: { CNAME: `mx2.${domain}` },
  })),
  domain(
    'ptr-two-addresses',
    'one of the two addresses of an MX host has no name',
    ['ptr-missing'],
    ({ domain, b, c }) => ({
      mx2: { A: [b, c] },
      ...pointer(b, `mx2.${domain}`),
    }),
  ),

  // Lists.
  domain(
    'list-v6',
    'an MX host that is listed by its IPv6 address',
    ['listed'],
    ({ domain, b, v6 }) => ({
      mx2: { A: [b], AAAA: [v6(2)] },
      ...pointer(v6(2), `mx2.${domain}`),
      ...listed('bl.list-v6.example'),
      [reverse6(v6(2)).replace('ip6.arpa.', 'bl.list-v6.example.')]: { A: ['127.0.0.2'] },
      [reverse6('0000:0000:0000:0000:0000:ffff::7f00:2').replace('ip6.arpa.', 'bl.list-v6.example.')]: {
        A: ['127.0.0.2'],
      },
    }),
    { options: { lists: ['bl.list-v6.example'] } },
  ),
  domain('list-on', 'an MX host that is listed', ['listed'], ({ b }) => listed('bl.list-on.example', b), {
    options: { lists: ['bl.list-on.example'] },
  }),
  domain('list-off', 'a list with others on it', [], () => listed('bl.list-off.example', '192.0.2.250'), {
    options: { lists: ['bl.list-off.example'] },
  }),
  domain('list-all', 'a list that lists everything', ['list-broken'], () => ({ '*.bl': { A: ['127.0.0.2'] } }), {
    options: { lists: ['bl.list-all.example'] },
  }),
  domain('list-dead', 'a list that is no more', ['list-broken'], () => ({}), {
    options: { lists: ['bl.list-dead.example'] },
  }),
  domain(
    'list-error',
    'a list that answers with an error code',
    ['list-broken'],
    ({ a, b }) => ({
      ...listed('bl.list-error.example'),
      ...Object.fromEntries(
        [a, b].map((address) => [`${address.split('.').reverse().join('.')}.bl`, { A: ['127.255.255.254'] }]),
      ),
    }),
    { options: { lists: ['bl.list-error.example'] } },
  ),
  domain(
    'list-web',
    'a list whose domain was bought for a web site',
    ['list-broken'],
    () => ({ '*.bl': { A: ['203.0.113.80'] } }),
    {
      options: { lists: ['bl.list-web.example'] },
    },
  ),
  domain(
    'list-servfail',
    'a list that does not answer',
    [],
    ({ a, b }) => ({
      ...listed('bl.list-servfail.example'),
      ...Object.fromEntries(
        [a, b].map((address) => [`${address.split('.').reverse().join('.')}.bl`, 'temperror' as const]),
      ),
    }),
    { options: { lists: ['bl.list-servfail.example'] }, oneOf: [['list-broken', 'lookup-failed']] },
  ),
];

/** Every name of every case. */
export const domainZone: ZoneData = Object.assign({}, ...domainCases.map(({ zone }) => zone));

/** Real DNSSEC that does not hold: a resolver that validates has an anchor for it that no key matches. */
export const bogusCase: DomainCase = domain('bogus', 'DNSSEC that does not hold', ['dns-servfail'], () => ({}), {
  may: ['lookup-failed', 'dkim-missing'],
});
