import { defer, defineCheck, fail, pass } from 'postern/core';
import type { MailFacts } from 'postern/smtp';

export const noNewsletters = defineCheck('no-newsletters', ({ reversePath }: Pick<MailFacts, 'reversePath'>) =>
  reversePath?.localPart === 'newsletter' ? fail({ explanation: 'Newsletters are not taken here' }) : pass(),
  { fail: defer() }, // forget it, and it does not compile
);