import { knownPublicResolver } from 'postern/dns';
import { expect, test } from 'vitest';

test.each([
  ['8.8.8.8', 'Google'],
  ['8.8.4.4:53', 'Google'],
  ['[2001:4860:4860::8888]:53', 'Google'],
  ['::ffff:1.1.1.1', 'Cloudflare'],
  ['2606:4700:4700::1001', 'Cloudflare'],
  ['9.9.9.10', 'Quad9'],
  ['208.67.222.222', 'OpenDNS'],
  ['udp://8.8.8.8:53', 'Google'],
  ['udp://[2606:4700:4700::1111]:53', 'Cloudflare'],
  ['tcp://1.1.1.1', 'Cloudflare'],
  ['tls://9.9.9.9:853#dns.quad9.net', 'Quad9'],
  ['https://8.8.4.4/dns-query', 'Google'],
  ['https://dns.google/dns-query', 'Google'],
  ['https://DNS10.quad9.net.:443/dns-query?x=1', 'Quad9'],
  ['https://dns.google.example/dns-query', undefined],
  ['https://notdns.google/dns-query', undefined],
  ['udp://192.0.2.53:53#dns.google', undefined],
  ['udp://', undefined],
  ['127.0.0.53', undefined],
  ['192.0.2.53', undefined],
  ['1.1.1.9', undefined],
  ['localhost', undefined],
  ['', undefined],
])('%j → %j', (address, operator) => {
  expect(knownPublicResolver(address)).toBe(operator);
});
