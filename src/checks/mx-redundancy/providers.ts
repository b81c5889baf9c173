/**
 * Mail providers that are redundant behind one name, as data.
 *
 * One MX record to such a provider is enough: the name leads to many machines. The list is small on purpose; add others with
 * the option `providers`. As of 2026-11, from the MX records that the providers tell their customers to publish.
 *
 * @module
 */

/** A provider that is redundant behind one name. */
export interface Provider {
  readonly name: string;
  /** The target, or a suffix of it: `mail.protection.outlook.com`. `*` matches one label. */
  readonly suffix: string;
}

/** Well-known providers. */
export const knownProviders: readonly Provider[] = [
  { name: 'Google Workspace', suffix: 'smtp.google.com' },
  { name: 'Microsoft 365', suffix: 'mail.protection.outlook.com' },
  { name: 'Microsoft 365', suffix: '*.mx.microsoft' },
  { name: 'Amazon SES', suffix: 'inbound-smtp.*.amazonaws.com' },
  { name: 'Amazon SES', suffix: 'feedback-smtp.*.amazonses.com' },
  { name: 'Amazon WorkMail', suffix: 'inbound-smtp.*.amazonaws.com' },
  { name: 'Postmark', suffix: 'inbound.postmarkapp.com' },
  { name: 'SendGrid', suffix: 'mx.sendgrid.net' },
  { name: 'HubSpot', suffix: 'hubspotemail.net' },
  { name: 'Marketo', suffix: 'mktomail.com' },
  { name: 'SparkPost', suffix: 'smtp.sparkpostmail.com' },
  { name: 'CloudMailin', suffix: 'cloudmailin.net' },
  { name: 'Mandrill', suffix: 'in1.mandrillapp.com' },
  { name: 'Yandex 360', suffix: 'mx.yandex.net' },
];

/** Returns the provider of a target, or undefined. */
export function providerOf(host: string, providers: readonly Provider[] = knownProviders): Provider | undefined {
  const labels = host.toLowerCase().replace(/\.$/, '').split('.');
  return providers.find(({ suffix }) => {
    const wanted = suffix.toLowerCase().split('.');
    if (wanted.length > labels.length) return false;
    const tail = labels.slice(labels.length - wanted.length);
    return wanted.every((label, i) => label === '*' || label === tail[i]);
  });
}
