import { describe, expect, test } from 'vitest';
import { sameRejection, type Verdict, verdictOf } from '../../../src/audit/login/judge.ts';
import type { Answer } from '../../../src/audit/login/session.ts';

const no = (text: string, lines: readonly string[] = []): Answer => ({ kind: 'no', text, lines });

/** Answers of real servers. */
const replies: readonly (readonly [server: string, text: string, verdict: Verdict])[] = [
  // Rejected for lack of TLS.
  [
    'Dovecot',
    'p1 NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.',
    'rejected',
  ],
  ['Dovecot', '-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.', 'rejected'],
  ['Dovecot', '-ERR [AUTH] Authentication not allowed until SSL/TLS is enabled.', 'rejected'],
  [
    'Dovecot 2.4',
    'p1 NO [PRIVACYREQUIRED] Cleartext authentication disallowed on non-secure (SSL/TLS) connections.',
    'rejected',
  ],
  ['Cyrus', 'p1 NO Login only available under a layer', 'rejected'],
  ['Cyrus', 'p1 NO encryption needed to use mechanism', 'rejected'],
  ['Cyrus', 'p1 NO no mechanism available', 'rejected'],
  ['Cyrus', '-ERR [AUTH] USER command only available under a layer', 'rejected'],
  ['Cyrus', '-ERR [AUTH] authenticating: encryption needed to use mechanism', 'rejected'],
  ['Cyrus', 'NO "AUTHENTICATE only available under a layer"', 'rejected'],
  ['Courier', 'p1 NO STARTTLS required', 'rejected'],
  ['Courier', '-ERR TLS required to log in.', 'rejected'],
  ['Postfix', '530 5.7.0 Must issue a STARTTLS command first', 'rejected'],
  ['Postfix', '538 5.7.0 Encryption required for requested authentication mechanism', 'rejected'],
  ['Postfix', '503 5.5.1 Error: authentication not enabled', 'rejected'],
  ['Postfix', '535 5.7.8 Error: authentication failed: no mechanism available', 'rejected'],
  ['Postfix', '535 5.7.8 Error: authentication failed: Invalid authentication mechanism', 'rejected'],
  ['Exim', '503 AUTH command used when not advertised', 'rejected'],
  ['Exim', '504 5.5.4 PLAIN authentication mechanism not supported', 'rejected'],
  ['Sendmail', '504 5.3.3 AUTH mechanism PLAIN not available', 'rejected'],
  ['Exchange', '504 5.7.4 Unrecognized authentication type', 'rejected'],
  ['Exchange', 'p1 BAD Command received in Invalid state.', 'rejected'],
  ['Exchange', '-ERR Command is not valid in this state.', 'rejected'],
  ['Stalwart', 'p1 NO [PRIVACYREQUIRED] Clear text authentication is disabled', 'rejected'],
  ['postern', '-ERR [AUTH] TLS is required to log in', 'rejected'],
  ['postern', '538 5.7.11 TLS 1.2 or later is required', 'rejected'],
  ['ManageSieve', 'NO (ENCRYPT-NEEDED) "Use STARTTLS"', 'rejected'],
  ['some', 'p1 NO LOGIN disabled', 'rejected'],
  ['some', '-ERR Unknown command', 'rejected'],
  ['some', '534 5.7.9 Authentication mechanism is too weak', 'rejected'],
  // Credentials were checked.
  ['Dovecot', 'p1 NO [AUTHENTICATIONFAILED] Authentication failed.', 'processed'],
  ['Dovecot', '-ERR [AUTH] Authentication failed.', 'processed'],
  ['Dovecot', '-ERR Authentication failed.', 'processed'],
  ['Dovecot', 'p1 NO [UNAVAILABLE] Temporary authentication failure. [mx:2026-01-01 00:00:00]', 'processed'],
  ['Dovecot', '-ERR [SYS/TEMP] Temporary authentication failure.', 'processed'],
  ['Dovecot', 'NO "Authentication failed."', 'processed'],
  ['Cyrus', 'p1 NO Login failed: authentication failure', 'processed'],
  ['Cyrus', '-ERR [AUTH] Invalid login', 'processed'],
  ['Cyrus', '-ERR [AUTH] Invalid user', 'processed'],
  ['Courier', 'p1 NO Login failed.', 'processed'],
  ['Courier', '-ERR Login failed.', 'processed'],
  ['Postfix', '535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6', 'processed'],
  ['Postfix', '535 5.7.8 Error: authentication failed: authentication failure', 'processed'],
  ['Postfix', '454 4.7.0 Temporary authentication failure: Connection lost to authentication server', 'processed'],
  ['Exim', '535 Incorrect authentication data', 'processed'],
  ['Exchange', '535 5.7.3 Authentication unsuccessful', 'processed'],
  ['Exchange', 'p1 NO LOGIN failed.', 'processed'],
  ['Exchange', '-ERR Logon failure: unknown user name or bad password.', 'processed'],
  ['hMailServer', '-ERR Invalid user name or password.', 'processed'],
  ['Gmail', '535-5.7.8 Username and Password not accepted.', 'processed'],
  ['qmail', '-ERR authorization failed', 'processed'],
  ['some', '-ERR no such user here', 'processed'],
  // The text fits both.
  ['Cyrus', 'NO "Authentication Error"', 'unclear'],
  ['some', 'p1 NO Sorry', 'unclear'],
  ['some', '-ERR [AUTH] Denied', 'unclear'],
  ['some', '535 5.7.8 Authentication failed, TLS required', 'unclear-for-tls'],
  // No result.
  ['some', '421 4.7.0 Too many connections', 'unknown'],
  ['ManageSieve', 'NO (TRYLATER) "Busy"', 'unknown'],
];

describe('audit/login: judging a rejection', () => {
  test.each(replies)('%s: %s → %s', (_, text, verdict) => {
    expect(verdictOf(no(text))).toBe(verdict);
  });

  test.each([
    ['ok', 'processed'],
    ['continue', 'processed'],
    ['closed', 'rejected'],
    ['timeout', 'unknown'],
    ['malformed', 'unknown'],
    ['aborted', 'unknown'],
  ] as const)('not a rejection but %s → %s', (kind, verdict) => {
    expect(verdictOf({ kind, text: '', lines: [] })).toBe(verdict);
  });

  test('a reason in an earlier line of a reply → counts', () => {
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
    expect(sameRejection(no(one), no(other), 'postern-ab12')).toBe(same);
  });
});
