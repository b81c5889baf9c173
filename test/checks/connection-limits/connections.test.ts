import { memoryCounters } from 'postern/adapters/memory';
import type { ConnectionLimitsOptions } from 'postern/checks/connection-limits';
import { connectionLimits } from 'postern/checks/connection-limits';
import { examine } from 'postern/core';
import type { IpAddress } from 'postern/net';
import { parseIp } from 'postern/net';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

/** A server under connections: each call is one, and answers what is found. */
function server(options: ConnectionLimitsOptions) {
  const clock = fixedClock();
  const counters = memoryCounters({ clock });
  const check = connectionLimits(options);
  let sessions = 0;
  return {
    clock,
    counters,
    connect(ip: string) {
      const id = `session-${++sessions}`;
      const facts = { session: { id, role: 'mx' as const }, client: { ip: parseIp(ip) as IpAddress } };
      const finding = examine(check, facts, { counters });
      if (finding instanceof Promise) throw new Error('memory answers at once');
      return { ...finding, id };
    },
    close: (id: string) => counters.release(id),
  };
}

describe('connect: connections at once', () => {
  test('the 31st of one address → fail, with limit and usage', () => {
    const { connect } = server({});
    for (let i = 0; i < 30; i++) expect(connect('192.0.2.1').result).toBe('pass');
    expect(connect('192.0.2.1')).toMatchObject({
      result: 'fail',
      cause: 'too-many-connections',
      status: '7.0',
      detail: { limited: 'connections at once', key: '192.0.2.1/32', limit: 30, used: 30, retryAfterMs: 0 },
    });
  });

  test('one is closed → the next is allowed', () => {
    const { connect, close } = server({ concurrent: 1 });
    const first = connect('192.0.2.1');
    expect(connect('192.0.2.1').result).toBe('fail');
    close(first.id);
    expect(connect('192.0.2.1').result).toBe('pass');
  });

  test('a refused connection takes no place in any class → a neighbour is allowed', () => {
    const { connect } = server({ concurrent: 1 });
    connect('192.0.2.1');
    for (let i = 0; i < 10; i++) expect(connect('192.0.2.1').result).toBe('fail');
    expect(connect('192.0.2.2').result).toBe('pass');
    expect(connect('192.0.2.3').result).toBe('pass');
    expect(connect('192.0.2.4').detail).toMatchObject({ key: '192.0.2.0/26', limit: 3, used: 3 });
  });

  test('a client that uses many addresses of its /64 → is one client', () => {
    const { connect } = server({ concurrent: 2 });
    connect('2001:db8:0:1::1');
    connect('2001:db8:0:1:ffff:ffff:ffff:1');
    expect(connect('2001:db8:0:1:1234::9').detail).toMatchObject({ key: '2001:db8:0:1::/64', used: 2 });
    expect(connect('2001:db8:0:2::1').result).toBe('pass');
  });

  test('all places are taken → fail, except for known clients if places are reserved', () => {
    const { connect } = server({ total: 4, reserved: 2, known: ['198.51.100.0/24'] });
    connect('192.0.2.1');
    connect('203.0.113.1');
    expect(connect('192.0.2.99').detail).toMatchObject({ key: 'all', limit: 2, used: 2 });
    expect(connect('198.51.100.1').result).toBe('pass');
    expect(connect('198.51.100.2').result).toBe('pass');
    expect(connect('198.51.100.3').result).toBe('fail');
  });
});

describe('connect: connections per minute', () => {
  test('the 301st in a minute → fail, with the time until the next is allowed', () => {
    const { connect, close, clock } = server({});
    for (let i = 0; i < 300; i++) close(connect('192.0.2.1').id);
    const refused = connect('192.0.2.1');
    expect(refused).toMatchObject({
      result: 'fail',
      detail: { limited: 'connections', key: '192.0.2.1/32', limit: 300, used: 300, periodMs: 60_000 },
    });
    clock.advance((refused.detail as { retryAfterMs: number }).retryAfterMs);
    expect(connect('192.0.2.1').result).toBe('pass');
  });
});

test('connect: an exempt client → none, and it is not counted', () => {
  const { connect, counters } = server({ concurrent: 1, exempt: ['192.0.2.0/24'] });
  for (let i = 0; i < 5; i++) expect(connect('192.0.2.1').result).toBe('none');
  expect(counters.size()).toMatchObject({ places: 0, inDebt: 0 });
});
