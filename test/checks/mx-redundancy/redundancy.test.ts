import { checkRedundancy, mxRedundancy, type RedundancyOptions } from 'postern/checks/mx-redundancy';
import { type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const D = 'example.org';
/** A domain's state, and the ids of what was found. */
const audit = async (data: ZoneData, options: RedundancyOptions = {}): Promise<string> => {
  const { state, findings } = await checkRedundancy(D, { dns: zone(data) }, options);
  return [state, ...findings.map(({ id, severity }) => `${id}:${severity}`)].join(' ');
};
const two: ZoneData[string] = {
  MX: [
    [10, 'mx1.example.org'],
    [20, 'mx2.example.org'],
  ],
};
const a = (address: string) => ({ A: [address] });

describe('audit', () => {
  test.each<[string, ZoneData, string]>([
    [
      'two hosts, two addresses, two networks',
      { [D]: two, 'mx1.example.org': a('192.0.2.1'), 'mx2.example.org': a('198.51.100.1') },
      'pass',
    ],
    [
      'two hosts in one /24',
      { [D]: two, 'mx1.example.org': a('192.0.2.1'), 'mx2.example.org': a('192.0.2.2') },
      'fail mx-one-network:medium',
    ],
    [
      'two names, one address',
      { [D]: two, 'mx1.example.org': a('192.0.2.1'), 'mx2.example.org': a('192.0.2.1') },
      'fail mx-one-address:high',
    ],
    [
      'the same host twice, in another case and with a trailing dot',
      {
        [D]: {
          MX: [
            [10, 'mx1.example.org'],
            [20, 'MX1.Example.ORG.'],
          ],
        },
        'mx1.example.org': a('192.0.2.1'),
      },
      'fail mx-single:high mx-duplicate:low',
    ],
    [
      'one host with one address',
      { [D]: { MX: [[10, 'mx1.example.org']] }, 'mx1.example.org': a('192.0.2.1') },
      'fail mx-single:high',
    ],
    [
      'one host with several addresses is milder',
      { [D]: { MX: [[10, 'mx1.example.org']] }, 'mx1.example.org': { A: ['192.0.2.1', '198.51.100.1'] } },
      'fail mx-single:medium',
    ],
    ['SERVFAIL for MX is not "no MX"', { [D]: 'temperror' }, 'could-not-check dns-servfail:medium'],
    ['no answer for MX is not "no MX"', { [D]: 'timeout' }, 'could-not-check dns-timeout:medium'],
    ['null MX', { [D]: { MX: [[0, '']] } }, 'not-applicable null-mx:info'],
    [
      'null MX beside others',
      {
        [D]: { MX: [[0, ''], ...(two.MX as [number, string][])] },
        'mx1.example.org': a('192.0.2.1'),
        'mx2.example.org': a('198.51.100.1'),
      },
      'fail null-mx-mixed:high',
    ],
    ['no MX, an address', { [D]: a('192.0.2.1') }, 'fail mx-implicit:medium'],
    ['neither MX nor address', { [D]: { TXT: ['x'] } }, 'fail mx-none:critical'],
    ['no such domain', {}, 'fail mx-none:critical'],
  ])('%s', async (_, data, expected) => {
    expect(await audit(data)).toBe(expected);
  });
});

test('the check never recommends to refuse', () => {
  for (const verdict of Object.values(mxRedundancy().recommended)) expect(verdict).toEqual({ action: 'proceed' });
});
