/**
 * What is asked of a page from within it. Each function is sent to the browser by itself: it uses nothing around it.
 *
 * @module
 */

export function openAll() {
  for (const details of document.querySelectorAll('details')) details.open = true;
}

export function runsOver() {
  const wide = document.documentElement.clientWidth;
  return {
    scroll: document.documentElement.scrollWidth - wide,
    over: [...document.querySelectorAll('main *, header *, footer *')]
      .filter(
        (element) => !element.closest('thead, svg *, .skip') && element.getBoundingClientRect().right > wide + 0.5,
      )
      .map((element) => `${element.tagName} ${element.className}`),
  };
}

export function textsSeen() {
  const isClear = (colour) => colour === 'transparent' || /, 0\)$/.test(colour);
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      // On the map, words stand on the box of their node.
      const box = at.tagName === 'g' ? at.querySelector('rect') : null;
      if (box !== null) return getComputedStyle(box).fill;
      const { backgroundColor } = getComputedStyle(at);
      if (!isClear(backgroundColor)) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node !== null; node = walk.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent?.trim() ?? '';
    if (element === null || text === '' || /^(title|desc|style)$/i.test(element.tagName)) continue;
    if (!element.checkVisibility()) continue;
    const computed = getComputedStyle(element);
    const ink = element instanceof SVGElement ? computed.fill : computed.color;
    texts.push({ text: text.slice(0, 40), ink, ground: ground(element) });
  }
  return texts;
}

export function links() {
  return [...document.querySelectorAll('a')].map((link) => ({
    name: link.getAttribute('aria-label') ?? link.textContent,
    href: link.getAttribute('href'),
  }));
}

/** Drawings that are neither hidden from whoever listens nor named. */
export function namelessDrawings() {
  return [...document.querySelectorAll('svg')].filter(
    (svg) => svg.getAttribute('aria-hidden') !== 'true' && (svg.querySelector('title')?.textContent ?? '') === '',
  ).length;
}

export function bodyColour() {
  return getComputedStyle(document.body).backgroundColor;
}

/** Which maps are seen, how high their smallest words are, and which words run out of their box. */
export function mapsSeen() {
  const seen = [...document.querySelectorAll('.map>svg')].filter((svg) => svg.checkVisibility());
  const texts = seen.flatMap((svg) => [...svg.querySelectorAll('text')]);
  const nodes = seen.flatMap((svg) => [...svg.querySelectorAll('.node')]);
  return {
    classes: seen.map((svg) => svg.getAttribute('class')),
    smallest: Math.min(...texts.map((text) => text.getBoundingClientRect().height)),
    out: nodes.flatMap((node) => {
      const right = node.querySelector('rect').getBoundingClientRect().right;
      return [...node.querySelectorAll('text')]
        .filter((text) => text.getBoundingClientRect().right > right)
        .map((text) => text.textContent);
    }),
  };
}

export function focused() {
  const element = document.activeElement;
  return { tag: element?.tagName, text: element?.textContent, open: element?.closest('details')?.open };
}

export function target() {
  return document.querySelector(':target')?.getAttribute('class') ?? '';
}

export function countOf(selector) {
  return document.querySelectorAll(selector).length;
}
