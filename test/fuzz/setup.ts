/** Setup file of the unit suite: every property starts from the same seed. */
import fc from 'fast-check';
import { limitMs, seed } from './generated.ts';

fc.configureGlobal({ seed, ...(Number.isFinite(limitMs) ? { interruptAfterTimeLimit: limitMs } : {}) });
