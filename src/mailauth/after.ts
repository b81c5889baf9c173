import { takeGlobalsBack } from './globals.ts';

takeGlobalsBack();
