/**
 * Public link shorteners: their domains lead anywhere, so neither their listing nor their absence from a list says
 * much of the link. Collected from the services' own sites; as of 2026-11.
 */
export const SHORTENERS: ReadonlySet<string> = new Set(
  `adf.ly amzn.to apple.co b.link bit.do bit.ly bitly.com bitly.ws bl.ink buff.ly clck.ru cli.re cutt.ly cutt.us db.tt
  dlvr.it ebay.to fb.me flic.kr g.co git.io goo.gl goo.su gg.gg href.li ht.ly hubs.ly ibm.co ift.tt is.gd j.mp kutt.it
  linktr.ee lnkd.in mcaf.ee msft.it nyti.ms on.fb.me ouo.io ow.ly owl.li pin.it po.st prf.hn qr.ae qr.net qrco.de
  rb.gy rebrand.ly reut.rs s.id s.yam.com shorte.st short.gy short.io shorturl.at sho.rt shrtco.de smarturl.it snip.ly
  soo.gd spoti.fi su.pr surl.li t.co t.ly t2m.io tiny.cc tiny.one tiny.pl tinyurl.com tr.im trib.al u.to
  urlz.fr urly.it v.gd v.ht vk.cc w.wiki wa.link wp.me x.co x.gd y2u.be youtu.be yhoo.it zpr.io zws.im 1drv.ms 2.gp 2no.co
  cc.cc clc.am clk.sh dub.sh 0rz.tw 2cm.es han.gl me2.do naver.me bre.is acesse.one`.split(/\s+/),
);

/** Whether a canonical host, or the domain that it lies in, is a shortener. */
export const isShortener = (host: string, domain: string | undefined): boolean =>
  SHORTENERS.has(host) || (domain !== undefined && SHORTENERS.has(domain));
