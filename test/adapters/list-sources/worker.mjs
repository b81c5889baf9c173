// The worker's sources, run as they are: what is published has the compiled file beside the module.
import '../../../.config/typescript.mjs';

await import('../../../src/adapters/list-sources/build-worker.ts');
