import type { ListAnswer } from '../../dns/index.ts';
import { onAbort } from '../../env/index.ts';

/** Answers in the order of the questions; undefined where nobody waited for one. */
export type Answers = readonly (ListAnswer | undefined)[];

/**
 * Asks all questions at once, and stops when an answer decides: the others are aborted, since they could change nothing.
 *
 * @param decides whether nothing heavier than this answer could come
 */
export async function askUntilDecided(
  questions: readonly ((signal: AbortSignal) => Promise<ListAnswer>)[],
  decides: (answer: ListAnswer) => boolean,
  signal: AbortSignal,
): Promise<Answers> {
  if (questions.length < 2) return Promise.all(questions.map((ask) => ask(signal)));
  const controller = new AbortController();
  const detach = onAbort(signal, () => controller.abort('aborted'));
  const answers: (ListAnswer | undefined)[] = questions.map(() => undefined);
  await new Promise<void>((resolve, reject) => {
    let out = questions.length;
    for (const [i, ask] of questions.entries())
      ask(controller.signal).then((answer) => {
        // What is aborted answers too; it is not what the list said.
        if (out === 0) return;
        answers[i] = answer;
        out = decides(answer) ? 0 : out - 1;
        if (out === 0) resolve();
      }, reject);
  });
  detach();
  controller.abort('decided');
  return answers;
}
