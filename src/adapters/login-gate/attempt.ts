import { decodeBase64, parseOauthBearer, parsePlain, parseXoauth2 } from '../../access/index.ts';

/** Whose login it is, as far as the messages that pass by tell. */
export interface Told {
  readonly account?: string | undefined;
  /** The password or token, where it is shown; only to tell a repeat of a wrong one from a new one. */
  readonly secret?: string | undefined;
}

/**
 * Watches the messages of one SASL exchange that others are carrying out, and finds out whose it is.
 *
 * A message that it cannot read tells it nothing; whether it is any good is the backend's to say.
 */
export function saslWatcher(mechanism: string): (response: string) => Told {
  let told: Told = {};
  let messages = 0;
  return (response) => {
    messages++;
    const message = response === '=' ? undefined : decodeBase64(response);
    if (message === undefined || message.length > 8_192) return told;
    const text = Buffer.from(message).toString('utf8');
    switch (mechanism) {
      case 'PLAIN':
      case 'XOAUTH2':
      case 'OAUTHBEARER': {
        if (told.account !== undefined) return told;
        const parse = mechanism === 'PLAIN' ? parsePlain : mechanism === 'XOAUTH2' ? parseXoauth2 : parseOauthBearer;
        const step = parse(message);
        if (step.state === 'login') told = { account: step.login.account || undefined, secret: step.login.secret };
        return told;
      }
      case 'LOGIN':
        told = messages === 1 ? { account: text } : { ...told, secret: text };
        return told;
      case 'CRAM-MD5':
        told = { account: text.slice(0, Math.max(0, text.lastIndexOf(' '))) };
        return told;
      default:
        if (mechanism.startsWith('SCRAM-') && messages === 1) {
          const name = /(?:^|,)n=([^,]*)/.exec(text)?.[1];
          if (name !== undefined) told = { account: name.replaceAll('=2C', ',').replaceAll('=3D', '=') };
        }
        return told;
    }
  };
}
