import { describe, expect, test } from 'vitest';
import { sameRefusal, type Verdict, verdictOf } from '../../../src/audit/login/judge.ts';
import type { Answer } from '../../../src/audit/login/talk.ts';

const no = (text: string, lines: readonly string[] = []): Answer => ({ kind: 'no', text, lines });

/** What servers say, as they say it. */
const replies: readonly (readonly [server: string, text: string, verdict: Verdict])[] = [
  // For want of TLS.
  [
    'Dovecot',
    'p1 NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.',
    'refused',
  ],
  ['Dovecot', '-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.', 'refused'],
  ['Dovecot', '-ERR [AUTH] Authentication not allowed until SSL/TLS is enabled.', 'refused'],
  [
    'Dovecot 2.4',
    'p1 NO [PRIVACYREQUIRED] Cleartext authentication disallowed on non-secure (SSL/TLS) connections.',
    'refused',
  ],
  ['Cyrus', 'p1 NO Login only available under a layer', 'refused'],
  ['Cyrus', 'p1 NO encryption needed to use mechanism', 'refused'],
  ['Cyrus', 'p1 NO no mechanism available', 'refused'],
  ['Cyrus', '-ERR [AUTH] USER command only available under a layer', 'refused'],
  ['Cyrus', '-ERR [AUTH] authenticating: encryption needed to use mechanism', 'refused'],
  ['Cyrus', 'NO "AUTHENTICATE only available under a layer"', 'refused'],
  ['Courier', 'p1 NO STARTTLS required', 'refused'],
  ['Courier', '-ERR TLS required to log in.', 'refused'],
  ['Postfix', '530 5.7.0 Must issue a STARTTLS command first', 'refused'],
  ['Postfix', '538 5.7.0 Encryption required for requested authentication mechanism', 'refused'],
  ['Postfix', '503 5.5.1 Error: authentication not enabled', 'refused'],
  ['Postfix', '535 5.7.8 Error: authentication failed: no mechanism available', 'refused'],
  ['Postfix', '535 5.7.8 Error: authentication failed: Invalid authentication mechanism', 'refused'],
  ['Exim', '503 AUTH command used when not advertised', 'refused'],
  ['Exim', '504 5.5.4 PLAIN authentication mechanism not supported', 'refused'],
  ['Sendmail', '504 5.3.3 AUTH mechanism PLAIN not available', 'refused'],
  ['Exchange', '504 5.7.4 Unrecognized authentication type', 'refused'],
  ['Exchange', 'p1 BAD Command received in Invalid state.', 'refused'],
  ['Exchange', '-ERR Command is not valid in this state.', 'refused'],
  ['Stalwart', 'p1 NO [PRIVACYREQUIRED] Clear text authentication is disabled', 'refused'],
  ['postern', '-ERR [AUTH] TLS is required to log in', 'refused'],
  ['postern', '538 5.7.11 TLS 1.2 or later is required', 'refused'],
  ['ManageSieve', 'NO (ENCRYPT-NEEDED) "Use STARTTLS"', 'refused'],
  ['some', 'p1 NO LOGIN disabled', 'refused'],
  ['some', '-ERR Unknown command', 'refused'],
  ['some', '534 5.7.9 Authentication mechanism is too weak', 'refused'],
  // Looked at.
  ['Dovecot', 'p1 NO [AUTHENTICATIONFAILED] Authentication failed.', 'examined'],
  ['Dovecot', '-ERR [AUTH] Authentication failed.', 'examined'],
  ['Dovecot', '-ERR Authentication failed.', 'examined'],
  ['Dovecot', 'p1 NO [UNAVAILABLE] Temporary authentication failure. [mx:2026-01-01 00:00:00]', 'examined'],
  ['Dovecot', '-ERR [SYS/TEMP] Temporary authentication failure.', 'examined'],
  ['Dovecot', 'NO "Authentication failed."', 'examined'],
  ['Cyrus', 'p1 NO Login failed: authentication failure', 'examined'],
  ['Cyrus', '-ERR [AUTH] Invalid login', 'examined'],
  ['Cyrus', '-ERR [AUTH] Invalid user', 'examined'],
  ['Courier', 'p1 NO Login failed.', 'examined'],
  ['Courier', '-ERR Login failed.', 'examined'],
  ['Postfix', '535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6', 'examined'],
  ['Postfix', '535 5.7.8 Error: authentication failed: authentication failure', 'examined'],
  ['Postfix', '454 4.7.0 Temporary authentication failure: Connection lost to authentication server', 'examined'],
  ['Exim', '535 Incorrect authentication data', 'examined'],
  ['Exchange', '535 5.7.3 Authentication unsuccessful', 'examined'],
  ['Exchange', 'p1 NO LOGIN failed.', 'examined'],
  ['Exchange', '-ERR Logon failure: unknown user name or bad password.', 'examined'],
  ['hMailServer', '-ERR Invalid user name or password.', 'examined'],
  ['Gmail', '535-5.7.8 Username and Password not accepted.', 'examined'],
  ['qmail', '-ERR authorization failed', 'examined'],
  ['some', '-ERR no such user here', 'examined'],
  // The words fit both.
  ['Cyrus', 'NO "Authentication Error"', 'unclear'],
  ['some', 'p1 NO Sorry', 'unclear'],
  ['some', '-ERR [AUTH] Denied', 'unclear'],
  ['some', '535 5.7.8 Authentication failed, TLS required', 'unclear-for-tls'],
  // Nothing is known.
  ['some', '421 4.7.0 Too many connections', 'unknown'],
  ['ManageSieve', 'NO (TRYLATER) "Busy"', 'unknown'],
];

describe('audit/login: what a refusal says', () => {
  test.each(replies)('%s: %s → %s', (_, text, verdict) => {
    expect(verdictOf(no(text))).toBe(verdict);
  });

  test.each([
    ['ok', 'examined'],
    ['invited', 'examined'],
    ['closed', 'refused'],
    ['timeout', 'unknown'],
    ['malformed', 'unknown'],
    ['aborted', 'unknown'],
  ] as const)('no refusal, but %s → %s', (kind, verdict) => {
    expect(verdictOf({ kind, text: '', lines: [] })).toBe(verdict);
  });

  test('a reason that stands in an earlier line of a reply → is read', () => {
    const lines = ['535-5.7.0 Authentication is possible', '535-5.7.0 only after STARTTLS'];
    expect(verdictOf(no('535 5.7.0 see the manual', lines))).toBe('unclear-for-tls');
  });

  test.each([
    ['p1 NO Sorry', 'p7 NO Sorry', true],
    ['p1 NO Sorry', 'p7 NO [AUTHENTICATIONFAILED] Sorry', false],
    ['-ERR nobody: postern-ab12', '-ERR nobody: postern-ab12', true],
    ['-ERR not now [4711@mx]', '-ERR not now [4712@mx]', true],
    ['535 5.7.8 No', '538 5.7.8 No', false],
    ['535 5.7.8 No', '535 5.7.1 No', false],
    ['NO "a"', 'NO "b"', false],
  ])('%s / %s → the same: %s', (one, other, same) => {
    expect(sameRefusal(no(one), no(other), 'postern-ab12')).toBe(same);
  });
});
