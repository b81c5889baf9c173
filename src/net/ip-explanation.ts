import { Address4, Address6 } from 'ip-address';

/**
 * Returns why a text is not an IP address, in the words of ip-address: for the lines of a list that a person maintains.
 *
 * It is in a file of its own, so that only those who read lists load the package.
 */
export function explainAddress(text: string): string {
  try {
    if (text.includes(':')) new Address6(text);
    else new Address4(text);
    return 'it is not in the plain form of an address';
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\.$/, '') : 'it cannot be read';
  }
}
