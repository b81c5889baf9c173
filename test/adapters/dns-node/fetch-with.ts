import { Agent, request } from 'node:https';

/**
 * A `fetch` that trusts one certificate: Node's own takes authorities only from the environment of the process. It hands
 * the same `Request` and `Response` to and fro, over HTTP/1.1.
 */
export function fetchWith(ca: string): typeof fetch {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 10 });
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const { url, method, headers } = new Request(input, { ...init, signal: null });
      const out = request(
        url,
        { method, agent, headers: Object.fromEntries(headers), ...(init.signal ? { signal: init.signal } : {}) },
        (incoming) => {
          const body = new ReadableStream<Uint8Array>({
            start(controller) {
              incoming.on('data', (part: Buffer) => controller.enqueue(new Uint8Array(part)));
              incoming.on('end', () => controller.close());
              incoming.on('error', (error) => controller.error(error));
            },
            cancel: () => void incoming.destroy(),
          });
          const type = incoming.headers['content-type'];
          resolve(
            new Response(body, {
              status: incoming.statusCode ?? 500,
              headers: type === undefined ? {} : { 'content-type': type },
            }),
          );
        },
      );
      out.on('error', reject);
      out.end(init.body as Uint8Array | undefined);
    });
}
