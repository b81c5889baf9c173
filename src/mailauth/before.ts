import { lendGlobals } from './globals.ts';

lendGlobals();
