import fc from 'fast-check';
import type { ListFormat, ReadListOptions } from 'postern/checks/ip-blocklist';
import { listFormats, readList, readPrefixSet, readPrefixSetStream } from 'postern/checks/ip-blocklist';
import { PrefixSet } from 'postern/prefix-set';
import { describe, expect, test } from 'vitest';

const NOW = Date.UTC(2030, 0, 1);
const read = (format: ListFormat, text: string, options: Partial<ReadListOptions> = {}) =>
  readList(text, { format, now: NOW, maxBadShare: 1, ...options });
/** `line: reason` of each problem. */
const problems = (format: ListFormat, text: string, options: Partial<ReadListOptions> = {}): string[] =>
  read(format, text, options).problems.map(({ line, severity, reason }) => `${line} ${severity}: ${reason}`);
const entries = (format: ListFormat, text: string, options: Partial<ReadListOptions> = {}) => {
  const reading = read(format, text, options);
  expect(reading.problems.filter((problem) => problem.severity === 'error')).toEqual([]);
  return reading.entries;
};

describe('what each format says', () => {
  test('plain: comments, space, CRLF, a BOM', () => {
    const text =
      '\uFEFF# a comment\r\n192.0.2.1\r\n\r\n 198.51.100.0/24 # why\n203.0.113.0/24; why\n2001:DB8::/32\t// why\n::ffff:192.0.2.7';
    expect(entries('plain', text)).toEqual([
      '192.0.2.1/32',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '2001:db8::/32',
      '192.0.2.7/32',
    ]);
  });

  test('range: not aligned, one address, a prefix, IPv6', () => {
    expect(
      entries('range', '192.0.2.4-192.0.2.9\n198.51.100.1 - 198.51.100.1\n203.0.113.0/24\n2001:db8::-2001:db8::2'),
    ).toEqual([
      '192.0.2.4/30',
      '192.0.2.8/31',
      '198.51.100.1/32',
      '203.0.113.0/24',
      '2001:db8::/127',
      '2001:db8::2/128',
    ]);
  });

  test('spamhaus-drop: the comment is the reason', () => {
    const text =
      '; Spamhaus DROP List 2030/01/01\n; Expires: Wed, 02 Jan 2030 00:00:00 GMT\n192.0.2.0/24 ; SBL1\n198.51.100.0/24 ; SBL2\n';
    expect(entries('spamhaus-drop', text, { list: 'drop' })).toEqual([
      { prefix: '192.0.2.0/24', list: 'drop', reason: 'SBL1' },
      { prefix: '198.51.100.0/24', list: 'drop', reason: 'SBL2' },
    ]);
    expect(problems('spamhaus-drop', '; Expires: Mon, 31 Dec 2029 00:00:00 GMT\n')).toEqual([
      '1 warning: the list is older than it says it is good for',
    ]);
  });

  test('spamhaus-drop-json: the last line counts', () => {
    const lines = [
      '{"cidr":"192.0.2.0\\/24","sblid":"SBL1","rir":"apnic"}',
      '{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"apnic"}',
      '{"cidr":"2001:db8::/32","sblid":"SBL2"}',
      '{"type":"metadata","timestamp":1,"size":9,"records":3,"copyright":"c","terms":"t"}',
    ];
    expect(entries('spamhaus-drop-json', lines.join('\n'))).toEqual([
      { prefix: '192.0.2.0/24', reason: 'SBL1' },
      { prefix: '192.0.2.0/24', reason: 'SBL1' },
      { prefix: '2001:db8::/32', reason: 'SBL2' },
    ]);
    expect(read('spamhaus-drop-json', lines.slice(0, 3).join('\n')).refused).toMatch(/missing: it was cut off/);
    expect(read('spamhaus-drop-json', lines.slice(1).join('\n')).refused).toBe('2 records of 3: it was cut off');
    expect(read('spamhaus-drop-json', lines.join('\n').slice(0, -5)).refused).toMatch(/cut off/);
    expect(read('spamhaus-drop-json', lines.slice(1).join('\n')).entries).toEqual([]);
  });

  test('netset: the header counts', () => {
    const text =
      '#\n# firehol_level1\n#\n# Entries        : 2 subnets, 512 unique IPs\n#\n192.0.2.0/24\n198.51.100.0/24\n';
    expect(entries('netset', text)).toEqual(['192.0.2.0/24', '198.51.100.0/24']);
    expect(read('netset', text.replace('198.51.100.0/24\n', '')).refused).toBe('1 entries of 2: it was cut off');
  });

  test('hosts: an address is listed; where names are sent is not', () => {
    expect(entries('hosts', '# x\n192.0.2.1\tbad.example worse.example # why\n')).toEqual([
      { prefix: '192.0.2.1/32', reason: 'bad.example worse.example' },
    ]);
    const names = readList('0.0.0.0 bad.example\n127.0.0.1 worse.example\n::1 localhost\n', { format: 'hosts' });
    expect(names.entries).toEqual([]);
    expect(names.refused).toBe('3 of 3 lines are bad');
  });

  test('ipset save: timeouts, comments with quotes, exceptions, ranges', () => {
    const text = [
      'create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 600',
      'add bad 192.0.2.1 timeout 60 comment "said "hello" twice"',
      'add bad 198.51.100.0/24 packets 5 bytes 300',
      'add bad 198.51.100.7 nomatch',
      'add bad 203.0.113.1-203.0.113.2 timeout 0',
      'add bad 192.0.2.2,tcp:25',
      'destroy bad',
    ].join('\n');
    const { entries: found, problems: wrong } = read('ipset', text, { list: 'bad' });
    expect(found).toEqual([
      { prefix: '192.0.2.1/32', list: 'bad', reason: 'said "hello" twice', expires: NOW + 60_000 },
      { prefix: '198.51.100.0/24', list: 'bad' },
      { prefix: '198.51.100.7/32', list: 'bad', except: true },
      { prefix: '203.0.113.1/32', list: 'bad' },
      { prefix: '203.0.113.2/32', list: 'bad' },
    ]);
    expect(wrong.map(({ line }) => line)).toEqual([6, 7]);
  });

  test('nftables: elements over several lines, ranges, what remains of a timeout', () => {
    const text = `table inet filter {
	set bad {
		type ipv4_addr
		flags interval,timeout
		auto-merge
		elements = { 192.0.2.0/24, 198.51.100.1 timeout 1h expires 59m30s comment "x, } y",
			     203.0.113.4-203.0.113.7,
			     203.0.113.9 counter packets 3 bytes 180 }
	}
	chain input { type filter hook input priority 0; ip saddr @bad drop; }
}
add element inet filter bad { 192.0.2.99 timeout 1d2h }
`;
    expect(entries('nftables', text)).toEqual([
      '192.0.2.0/24',
      { prefix: '198.51.100.1/32', reason: 'x, } y', expires: NOW + 3_570_000 },
      '203.0.113.4/30',
      '203.0.113.9/32',
      { prefix: '192.0.2.99/32', expires: NOW + 93_600_000 },
    ]);
    expect(read('nftables', text.slice(0, 200)).refused).toMatch(/not closed/);
  });

  test('csv: CrowdSec decisions, with durations as Go writes them', () => {
    const text =
      'duration,scope,value,reason,type\n24h,ip,192.0.2.1,"ssh, ""brute"" force",ban\n3h59m59.5s,Range,198.51.100.0/24,x,ban\n1h,username,ann,x,ban\n1h,ip,192.0.2.2,x,captcha\n';
    const { entries: found, problems: wrong } = read('csv', text);
    expect(found).toEqual([
      { prefix: '192.0.2.1/32', reason: 'ssh, "brute" force', expires: NOW + 86_400_000 },
      { prefix: '198.51.100.0/24', reason: 'x', expires: NOW + 14_399_500 },
    ]);
    expect(wrong.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '4 scope "username" is not of addresses',
      '5 type "captcha" is not a ban',
    ]);
  });
  test('csv: without a header, other separators, times', () => {
    expect(entries('csv', '5,192.0.2.1,x\n6,2001:db8::/32,y')).toEqual(['192.0.2.1/32', '2001:db8::/32']);
    expect(entries('csv', 'ip;until;source\n192.0.2.1;2030-01-02T00:00:00Z;soc\n192.0.2.2;1893456001;soc')).toEqual([
      { prefix: '192.0.2.1/32', list: 'soc', expires: Date.UTC(2030, 0, 2) },
      { prefix: '192.0.2.2/32', list: 'soc', expires: 1_893_456_001_000 },
    ]);
  });

  test('fail2ban: its log, its lists, its commands', () => {
    const text = [
      '2030-01-01 00:00:00,100 fail2ban.actions        [123]: NOTICE  [sshd] Ban 192.0.2.1',
      '2030-01-01 00:00:01,100 fail2ban.filter         [123]: INFO    [sshd] Found 192.0.2.9',
      '2030-01-01 00:00:02,100 fail2ban.actions        [123]: NOTICE  [sshd] Ban 192.0.2.2',
      '2030-01-01 00:00:03,100 fail2ban.actions        [123]: NOTICE  [postfix] Restore Ban 2001:db8::1',
      '2030-01-01 00:00:04,100 fail2ban.actions        [123]: NOTICE  [sshd] Unban 192.0.2.2',
      '   `- Banned IP list:\t198.51.100.1 198.51.100.2',
      '203.0.113.1 \t2030-01-01 00:00:00 + 600 = 2030-01-01 00:10:00',
      'ipset -exist add f2b-sshd 203.0.113.2 timeout 600',
    ].join('\n');
    expect(entries('fail2ban', text)).toEqual([
      '198.51.100.1/32',
      '198.51.100.2/32',
      '203.0.113.1/32',
      { prefix: '203.0.113.2/32', expires: NOW + 600_000 },
      { prefix: '192.0.2.1/32', reason: 'sshd' },
      { prefix: '2001:db8::1/128', reason: 'postfix' },
    ]);
  });

  test('p2p and dat: zeroes only pad, names hold what they like', () => {
    expect(entries('p2p', 'Some: name (x):001.000.000.000-001.255.255.255\nOther:192.0.2.010-192.0.2.011')).toEqual([
      { prefix: '1.0.0.0/8', reason: 'Some: name (x)' },
      { prefix: '192.0.2.10/31', reason: 'Other' },
    ]);
    expect(
      entries(
        'dat',
        '# x\n001.009.096.105 - 001.009.096.105 , 000 , Botnet, or so\n198.51.100.000 , 198.51.100.255 , 200 , allowed',
      ),
    ).toEqual([
      { prefix: '1.9.96.105/32', reason: 'Botnet, or so' },
      { prefix: '198.51.100.0/24', reason: 'allowed', except: true },
    ]);
  });

  test('dshield: the header row, both kinds of netmask, a range that does not fit its mask', () => {
    const text =
      '# x\nStart\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n192.0.2.0\t192.0.2.255\t24\t579\tSOME-NET\tSG\tabuse@example.net\n198.51.100.0\t198.51.100.255\t255.255.255.0\t1\t\tUS\t\n203.0.113.0\t203.0.113.255\t25\t1\tX\tUS\t\n';
    expect(read('dshield', text).entries).toEqual([{ prefix: '192.0.2.0/24', reason: 'SOME-NET' }, '198.51.100.0/24']);
    expect(problems('dshield', text)).toEqual(['5 error: 203.0.113.0/25 does not end at 203.0.113.255']);
  });

  test('rbldnsd: partial octets, ranges, exceptions, the text for what follows', () => {
    const text =
      '$TTL 2048\n:127.0.0.2:Listed, see https://example.org/?$\n192.0.2\n!192.0.2.25 ; a friend\n198.51.100.1-3\n203.0.113.0/24 :127.0.0.4:own text\n172.17/12\n';
    expect(read('rbldnsd', text).entries).toEqual([
      { prefix: '192.0.2.0/24', reason: 'Listed, see https://example.org/?192.0.2' },
      { prefix: '192.0.2.25/32', reason: 'Listed, see https://example.org/?192.0.2.25', except: true },
      { prefix: '198.51.100.1/32', reason: 'Listed, see https://example.org/?198.51.100.1-3' },
      { prefix: '198.51.100.2/31', reason: 'Listed, see https://example.org/?198.51.100.1-3' },
      { prefix: '203.0.113.0/24', reason: 'own text' },
    ]);
    expect(problems('rbldnsd', text)).toEqual(['7 error: "172.17/12" is no address, prefix or range']);
    expect(entries('rbldnsd', '127.16-31\n127.0.0.1-127.0.0.2\n!2001:db8::bead\n2001:db8::/32')).toEqual([
      '127.16.0.0/12',
      '127.0.0.1/32',
      '127.0.0.2/32',
      { prefix: '2001:db8::bead/128', except: true },
      '2001:db8::/32',
    ]);
  });

  test('postfix-mynetworks: brackets, commas, the first match', () => {
    expect(entries('postfix-mynetworks', 'mynetworks = !192.0.2.7, 192.0.2.0/24\n  [::1]/128 [2001:db8::]/32')).toEqual(
      [{ prefix: '192.0.2.7/32', except: true }, '192.0.2.0/24', '::1/128', '2001:db8::/32'],
    );
    expect(problems('postfix-mynetworks', '192.0.2.0/24, !192.0.2.7, /etc/networks, hash:/etc/more')).toEqual([
      '1 warning: it can never match: a network before it decides about all of it',
      '1 error: "/etc/networks" is another file or table: read it by itself',
      '1 error: "hash:/etc/more" is another file or table: read it by itself',
    ]);
  });
});

describe('postfix-cidr: the first match decides', () => {
  const verdict = (text: string, address: string): string => {
    const set = PrefixSet.from(read('postfix-cidr', text).entries);
    const entry = set.lookup(address);
    return entry === undefined ? 'none' : entry.allow ? 'allow' : entry.except ? 'except' : 'block';
  };
  test.each([
    ['a narrow line before a wide one', '192.0.2.1 OK\n192.0.2.0/24 REJECT', '192.0.2.1', 'allow'],
    ['a narrow line behind a wide one never matches', '192.0.2.0/24 REJECT\n192.0.2.1 OK', '192.0.2.1', 'block'],
    ['DUNNO ends the search here', '192.0.2.1 DUNNO\n192.0.2.0/24 554 no', '192.0.2.1', 'except'],
    ['! is everything else of the family', '!192.0.2.0/24 REJECT', '198.51.100.1', 'block'],
    ['! leaves out its network', '!192.0.2.0/24 REJECT', '192.0.2.1', 'none'],
    ['! leaves out the other family', '!192.0.2.0/24 REJECT', '2001:db8::1', 'none'],
    ['inside an if', 'if 192.0.2.0/24\n192.0.0.0/16 REJECT\nendif\n192.0.0.0/16 OK', '192.0.2.1', 'block'],
    ['outside an if', 'if 192.0.2.0/24\n192.0.0.0/16 REJECT\nendif\n192.0.0.0/16 OK', '192.0.3.1', 'allow'],
    ['inside an if !', 'if !192.0.2.0/24\n0.0.0.0/0 REJECT\nendif', '192.0.3.1', 'block'],
    ['the network of an if !', 'if !192.0.2.0/24\n0.0.0.0/0 REJECT\nendif', '192.0.2.1', 'none'],
    ['a line that goes on', '192.0.2.0/24\n  REJECT\n# comment\n\n  because', '192.0.2.1', 'block'],
    ['brackets', '[192.0.2.0]/24 REJECT\n[2001:db8::]/32 REJECT', '2001:db8::1', 'block'],
    ['a leading zero is octal', '010.1.1.1 REJECT', '8.1.1.1', 'block'],
    ['a leading zero is octal, not decimal', '010.1.1.1 REJECT', '10.1.1.1', 'none'],
    ['an action that does not block', '192.0.2.0/24 PREPEND X-A: b', '192.0.2.1', 'except'],
  ])('%s', (_, text, address, expected) => {
    expect(verdict(text, address)).toBe(expected);
  });

  test('the text behind the action is the reason; problems name the line that a rule starts on', () => {
    expect(entries('postfix-cidr', '192.0.2.0/24 554 5.7.1 go\n   away')).toEqual([
      { prefix: '192.0.2.0/24', reason: '5.7.1 go away' },
    ]);
    expect(
      problems(
        'postfix-cidr',
        '# x\n192.0.2.1/24\n  REJECT\n09.1.1.1 REJECT\n010.1.1.1 OK\n192.0.2.0/24\nendif\nif 10.0.0.0/8',
      ),
    ).toEqual([
      '2 error: "192.0.2.1/24" is not an IP address or prefix: host bits are set; did you mean 192.0.2.0/24?',
      '4 error: "09.1.1.1" has an octet with a leading zero that is not octal',
      '5 warning: a leading zero is octal: 010.1.1.1 is 8.1.1.1',
      '6 error: there is no result behind the network',
      '7 error: there is no "if" for this "endif"',
      '8 warning: this "if" has no "endif"',
    ]);
  });

  test('against the table read line by line', () => {
    const octets = fc.integer({ min: 0, max: 3 });
    const network = fc.tuple(octets, octets, fc.integer({ min: 22, max: 32 })).map(([a, b, length]) => {
      const word = (0xc0000200 + a * 64 + b) & (-1 << (32 - length));
      return {
        word: word >>> 0,
        length,
        text: `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}/${length}`,
      };
    });
    const rule = fc.tuple(
      fc.constantFrom('rule', 'rule', 'rule', 'if', 'endif'),
      fc.boolean(),
      network,
      fc.constantFrom('REJECT', 'OK', 'DUNNO'),
    );
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 12 }),
        fc.array(fc.integer({ min: 0xc0000180, max: 0xc0000420 }), { minLength: 5, maxLength: 20 }),
        (rules, addresses) => {
          let depth = 0;
          const kept = rules
            .filter(([kind]) => kind !== 'endif' || depth > 0 || false)
            .filter(([kind]) => {
              if (kind === 'if') depth++;
              if (kind === 'endif') {
                if (depth === 0) return false;
                depth--;
              }
              return true;
            });
          const text = [
            ...kept.map(([kind, negated, { text: pattern }, action]) =>
              kind === 'endif'
                ? 'endif'
                : `${kind === 'if' ? 'if ' : ''}${negated ? '!' : ''}${pattern}${kind === 'if' ? '' : ` ${action}`}`,
            ),
            ...Array.from({ length: depth }, () => 'endif'),
          ].join('\n');
          for (const address of addresses) {
            const matches = (negated: boolean, { word, length }: { word: number; length: number }): boolean =>
              (((address ^ word) & (-1 << (32 - length))) === 0) !== negated;
            let expected = 'none';
            let skipping = 0;
            for (const [kind, negated, pattern, action] of kept) {
              if (kind === 'endif') skipping = Math.max(0, skipping - 1);
              else if (skipping > 0) skipping += kind === 'if' ? 1 : 0;
              else if (kind === 'if') skipping = matches(negated, pattern) ? 0 : 1;
              else if (matches(negated, pattern)) {
                expected = action === 'REJECT' ? 'block' : action === 'OK' ? 'allow' : 'except';
                break;
              }
            }
            expect(
              verdict(text, `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`),
              text,
            ).toBe(expected);
          }
        },
      ),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 25) },
    );
  });
});

describe('what is wrong with a line', () => {
  test('each problem has file, line, reason and text; good lines beside it are kept', () => {
    const reading = readList('192.0.2.1\nnonsense\n192.0.2.2', { format: 'plain', file: 'bad.txt' });
    expect(reading.entries).toEqual(['192.0.2.1/32', '192.0.2.2/32']);
    expect(reading.problems).toEqual([
      {
        file: 'bad.txt',
        line: 2,
        severity: 'error',
        reason: expect.stringMatching(/^"nonsense" is not an IP address or prefix/),
        text: 'nonsense',
      },
    ]);
    expect(reading).toMatchObject({ lines: 3, taken: 2, errors: 1, warnings: 0 });
  });

  test.each([
    ['010.1.1.1', /leading zero/],
    ['192.0.2', /not an IP address/],
    ['0x7f.1', /not an IP address/],
    ['192.0.2.0/33', /length/],
    ['192.0.2.0/0.0.0.255', /length/],
    ['192.0.2.0/255.0.255.0', /length/],
    ['192.0.2.0/255.255.255.000', /length/],
    ['192.0.2.0/255.255.255.256', /length/],
    ['192.0.2.0/255.255.255', /length/],
    ['0.0.0.0/0.0.0.0', /wider than \/1/],
    ['2001:db8::/ffff:ffff::', /length/],
    ['2001:db8::/255.255.0.0', /length/],
    ['::ffff:192.0.2.0/255.255.255.0', /length/],
    ['192.0.2.1 and more', /text behind/],
    ['0.0.0.0 bad.example', /text behind/],
    ['0.0.0.0/0', /wider than \/1/],
    ['::/0', /wider than \/1/],
    ['::ffff:0.0.0.0/90', /both families/],
    ['fe80::1%eth0', /zone/],
    ['[192.0.2.1]', /not an IP address/],
  ])('plain %j → an error', (line, reason) => {
    const reading = read('plain', line);
    expect(reading.entries).toEqual([]);
    expect(reading.problems[0]?.reason).toMatch(reason);
  });

  test.each(['plain', 'netset', 'range'] as const)('%s: a netmask is a length', (format) => {
    const masks = Array.from({ length: 32 }, (_, i) => {
      const word = i === 31 ? -1 : -1 << (31 - i);
      return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
    });
    expect(read(format, masks.map((mask) => `128.0.0.0/${mask}`).join('\n')).entries).toEqual(
      masks.map((_, i) => `128.0.0.0/${i + 1}`),
    );
    expect(read(format, '192.0.2.0/255.255.255.0 # why').entries).toEqual(['192.0.2.0/24']);
    expect(read(format, '192.0.2.9/255.255.255.0')).toMatchObject({ entries: ['192.0.2.0/24'], warnings: 1 });
    expect(read(format, '192.0.2.9/255.255.255.0', { purpose: 'allow' })).toMatchObject({ entries: [], errors: 1 });
  });

  test.each([
    ['192.0.2.0/24 REJECT', '! !192.0.2.0/24 REJECT'],
    ['192.0.2.0/24 REJECT', '! ! 192.0.2.0/24 REJECT'],
    ['192.0.2.0/24 REJECT', '!!!!192.0.2.0/24 REJECT'],
    ['!192.0.2.0/24 REJECT', '!!!192.0.2.0/24 REJECT'],
    ['!192.0.2.0/24 REJECT', '! ! ! 192.0.2.0/24 REJECT'],
    ['if 192.0.2.0/24\n192.0.2.7 REJECT\nendif', 'if !!192.0.2.0/24\n192.0.2.7 REJECT\nendif'],
  ])('postfix-cidr: %j means the same as %j', (once, often) => {
    expect(read('postfix-cidr', often)).toMatchObject({ errors: 0 });
    expect(read('postfix-cidr', often).entries).toEqual(read('postfix-cidr', once).entries);
  });
  test.each(['!', '! !', '!! REJECT', '! ! REJECT'])('postfix-cidr: %j → an error', (line) =>
    expect(read('postfix-cidr', line)).toMatchObject({ entries: [], errors: 1 }),
  );
  test('mynetworks: each ! takes back the one before it', () => {
    expect(read('postfix-mynetworks', '!!192.0.2.0/24').entries).toEqual(
      read('postfix-mynetworks', '192.0.2.0/24').entries,
    );
    expect(read('postfix-mynetworks', '!!!192.0.2.0/24').entries).toEqual(
      read('postfix-mynetworks', '!192.0.2.0/24').entries,
    );
  });

  test('host bits: a warning in a block list, an error in an allow list', () => {
    expect(read('plain', '192.0.2.1/24')).toMatchObject({ entries: ['192.0.2.0/24'], errors: 0, warnings: 1 });
    expect(read('plain', '192.0.2.1/24', { purpose: 'allow' })).toMatchObject({ entries: [], errors: 1, warnings: 0 });
  });

  test('a list that holds 10/8: a warning that says so', () => {
    expect(problems('netset', '10.0.0.0/8\n127.0.0.0/8\n192.168.0.0/16\n198.51.100.0/24\n224.0.0.0/3')).toEqual([
      "1 warning: it holds private addresses (10.0.0.0/8), one's own relays perhaps: allow them",
      "2 warning: it holds loopback addresses (127.0.0.0/8), one's own relays perhaps: allow them",
      "3 warning: it holds private addresses (192.168.0.0/16), one's own relays perhaps: allow them",
      '5 warning: it is wider than /8',
    ]);
  });

  test('a wide prefix: an error in an allow list, and where a limit is set', () => {
    expect(problems('plain', '12.0.0.0/7', { purpose: 'allow' })).toEqual([
      '1 error: "12.0.0.0/7" is wider than /8, the widest that is taken',
    ]);
    expect(problems('plain', '2001:db8::/31', { purpose: 'allow' })).toEqual([
      '1 error: "2001:db8::/31" is wider than /32, the widest that is taken',
    ]);
    expect(read('plain', '0.0.0.0/0', { widest: { v4: 0, v6: 0 } }).entries).toEqual(['0.0.0.0/0']);
    expect(problems('range', '0.0.0.0-255.255.255.255')).toEqual([
      '1 error: the range 0.0.0.0 to 255.255.255.255 is wider than any that is taken',
    ]);
  });

  test.each([
    ['192.0.2.9-192.0.2.4', /end is before the start/],
    ['192.0.2.9-2001:db8::', /another family/],
    ['192.0.2.9-', /"" is not an IP address/],
    ['192.0.2.1-300', /"300" is not an IP address/],
  ])('range %j → an error', (line, reason) => expect(read('range', line).problems[0]?.reason).toMatch(reason));

  test('an HTML error page → refused, not a list with bad lines', () => {
    for (const page of ['<!DOCTYPE html>\n<html>', '<html><body>503</body></html>', '\n\n<?xml version="1.0"?>']) {
      expect(readList(page, { format: 'plain', file: 'x' })).toMatchObject({
        refused: 'it is an HTML or XML page',
        entries: [],
      });
    }
  });
  test('gzip → refused', () => {
    expect(readList(new Uint8Array([0x1f, 0x8b, 8, 0]), { format: 'plain' }).refused).toBe('it is compressed (gzip)');
  });
  test('more bad lines than good → refused', () => {
    expect(readList('a\nb\n192.0.2.1', { format: 'plain' }).refused).toBe('2 of 3 lines are bad');
    expect(readList('a\n192.0.2.1', { format: 'plain' }).refused).toBe(undefined);
    expect(readList('a\n192.0.2.1', { format: 'plain', maxBadShare: 0.1 }).refused).toBe('1 of 2 lines are bad');
  });
  test('problems are kept up to a number and counted beyond', () => {
    const reading = readList('x\n'.repeat(50), { format: 'plain', maxProblems: 3 });
    expect(reading.problems).toHaveLength(3);
    expect(reading.errors).toBe(51);
  });
  test('a line without an end is no memory', () => {
    const chunks = Array.from({ length: 200 }, () => '1'.repeat(1000));
    const reading = readPrefixSet([...chunks, '\n192.0.2.1\n'], { format: 'plain' });
    expect(reading.problems[0]?.reason).toMatch(/longer than 65536/);
    expect([...(reading.set ?? [])]).toEqual([{ prefix: '192.0.2.1/32' }]);
  });

  test('more than 100,000 bad lines, and most of all → refused there and then', () => {
    const reading = read('plain', 'x\n'.repeat(300_000), { maxBadShare: 0.9 });
    expect(reading.refused).toBe('100000 of 100000 lines are bad');
    expect(reading.lines).toBe(100_000);
    expect(read('plain', 'x\n'.repeat(300_000)).refused).toBe(undefined);
  });
  test.each(listFormats)('%s: lines that end in CR alone → refused, not one long line', (format) => {
    expect(read(format, '192.0.2.1\r192.0.2.2\r').refused).toMatch(/carriage return in its midst/);
  });
  test.each([
    ['no list at all', 'bad.example\n192.0.2.1\n'],
    ['another format', 'add foo 192.0.2.1\n'.replace('add', 'ban')],
  ])('nftables, %s → refused: it would be an empty list', (_, text) => {
    expect(read('nftables', text).refused).toMatch(/nothing that nft prints/);
  });
  test.each([
    ['nothing', ''],
    ['a set without elements', 'table inet filter {\n\tset blocked {\n\t\ttype ipv4_addr\n\t}\n}\n'],
    ['a comment', '# elements = { 192.0.2.1 }\nflush ruleset\n'],
  ])('nftables, %s → empty, and not refused', (_, text) => {
    expect(read('nftables', text)).toMatchObject({ taken: 0, errors: 0, entries: [] });
    expect(read('nftables', text).refused).toBe(undefined);
  });
  test('nftables: sets and elements on one line', () => {
    const text =
      'table inet f { set a { type ipv4_addr; elements = { 192.0.2.1 } }; set b { type ipv4_addr; elements = { 192.0.2.2 }; } }';
    expect(entries('nftables', text)).toEqual(['192.0.2.1/32', '192.0.2.2/32']);
  });
  test('postfix-cidr: a hundred conditions in each other are read, more are refused', () => {
    const nested = (depth: number): string =>
      `${'if 192.0.2.0/24\n'.repeat(depth)}192.0.2.1 REJECT\n${'endif\n'.repeat(depth)}`;
    expect(read('postfix-cidr', nested(100))).toMatchObject({ taken: 1, errors: 0 });
    expect(read('postfix-cidr', nested(101)).refused).toMatch(/more than 100 conditions/);
  });
  test('what a problem and a reason say is short, however long the line is', () => {
    const reading = read('postfix-mynetworks', `hash:/${'x'.repeat(60_000)}`);
    expect(reading.problems[0]?.reason.length).toBeLessThan(400);
    const said = read('rbldnsd', `:127.0.0.2:${'$'.repeat(60_000)}\n192.0.2.1`).entries;
    expect(said).toEqual([{ prefix: '192.0.2.1/32', reason: expect.stringMatching(/^(192\.0\.2\.1)+/) }]);
    expect((said[0] as { reason: string }).reason.length).toBeLessThanOrEqual(200);
  });

  test.each<[Partial<ReadListOptions>, RegExp]>([
    [{ format: 'cidr' as never }, /format "cidr" is not known; it may be plain, range/],
    [{ purpose: 'deny' as never }, /purpose "deny" must be/],
    [{ maxBadShare: 2 }, /maxBadShare 2/],
    [{ widest: { v4: 33, v6: 0 } }, /widest/],
    [{ now: Number.NaN }, /now NaN/],
    [{ maxProblems: -1 }, /maxProblems -1/],
  ])('option %j → a TypeError', (options, message) => {
    expect(() => readList('', { format: 'plain', ...options })).toThrow(message);
  });
});

/** A search that went on behind its line would take minutes here, and so would an expression that tries every start. */
describe('a list in one part', () => {
  const many = 75_000;
  const line: { readonly [format in ListFormat]?: string } = {
    ipset: 'add foo 192.0.2.1',
    nftables: 'add element ip f s { 192.0.2.1 }',
    p2p: 'a name:192.0.2.1-192.0.2.1',
    dat: '192.000.002.001 - 192.000.002.001 , 000 , a name',
    dshield: '192.0.2.1\t192.0.2.1\t32\t1',
    'postfix-cidr': '192.0.2.1 REJECT',
    'spamhaus-drop-json': '{"cidr":"192.0.2.1/32"}',
  };
  test.each(listFormats)('%s: each of its lines costs the same', (format) => {
    const text = `${line[format] ?? '192.0.2.1'}\n`.repeat(many);
    const end = format === 'spamhaus-drop-json' ? `{"type":"metadata","records":${many}}` : '';
    const { set, refused } = readPrefixSet(text + end, { format, now: NOW });
    expect(refused).toBe(undefined);
    expect([...set!].map(({ prefix }) => prefix)).toContain('192.0.2.1/32');
    expect(set!.size).toBe(1);
  });
  const long = 60_000;
  const hostile = [
    '[',
    '"',
    '{',
    '}',
    ':',
    '.',
    '-',
    ' ',
    '\t',
    '$',
    '1',
    '1.',
    '; ',
    'elements ',
    '[a] Ban ',
    '!',
    '/',
  ];
  test.each(listFormats)('%s: long lines of one thing', (format) => {
    for (const piece of hostile) {
      const text = `${piece.repeat(long / piece.length)}x\n`.repeat(4);
      expect(read(format, text).taken).toBe(0);
      expect(read(format, `192.0.2.1${text}`).taken).toBeLessThan(2);
    }
  });
});

describe('in parts', () => {
  const text = '\uFEFF# é\r\n192.0.2.1\r\n198.51.100.0/24 # ü\nnonsense\n2001:db8::/32';
  test('a text cut anywhere reads as the whole one, as characters and as bytes', () => {
    const whole = readPrefixSet(text, { format: 'plain' });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at <= bytes.length; at++) {
      const cut = readPrefixSet([bytes.subarray(0, at), bytes.subarray(at)], { format: 'plain' });
      expect([...cut.set!]).toEqual([...whole.set!]);
      expect(cut.problems).toEqual(whole.problems);
    }
    expect([...readPrefixSet(text.split(''), { format: 'plain' }).set!]).toEqual([...whole.set!]);
  });
  test('a stream', async () => {
    async function* chunks(): AsyncGenerator<string> {
      for (const chunk of text.match(/[\s\S]{1,7}/g)!) yield chunk;
    }
    const reading = await readPrefixSetStream(chunks(), { format: 'plain', list: 'a' });
    expect(reading.set?.lookup('198.51.100.1')).toEqual({ prefix: '198.51.100.0/24', list: 'a' });
    expect(reading.refused).toBe(undefined);
  });
});

describe('no text makes a reader throw', () => {
  const pieces = fc.constantFrom(
    '192.0.2.1',
    '010.1.1.1',
    '/24',
    '2001:db8::',
    '-',
    ' ',
    '\t',
    '\n',
    '\r\n',
    ',',
    ';',
    '"',
    '{',
    '}',
    'elements = {',
    'add x ',
    'if ',
    '!',
    'endif',
    'timeout 5',
    ':',
    '#',
    '$',
    '[',
    ']',
    '\0',
    '\uD800',
    '{"cidr":"192.0.2.0/24"}',
    '{"type":"metadata","records":1}',
    'Ban ',
    '[sshd] ',
    'value',
    '255.255.255.0',
    '99999999999',
  );
  test.each(listFormats)('%s', (format) => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: pieces }, { weight: 1, arbitrary: fc.string() }), { maxLength: 30 }),
        (parts) => {
          const reading = readList(parts.join(''), { format, now: NOW });
          expect(() => PrefixSet.from(reading.entries)).not.toThrow();
          expect(reading.problems.filter((problem) => problem.severity === 'error')).toHaveLength(reading.errors);
        },
      ),
      { numRuns: Math.min(3_000, Number(process.env.POSTERN_FUZZ_RUNS ?? 40)) },
    );
  });
});
