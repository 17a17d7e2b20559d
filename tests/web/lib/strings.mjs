// Published strings that become code where a page takes text for markup. One of each kind, from
// OWASP's XSS Filter Evasion Cheat Sheet (cheatsheetseries.owasp.org, CC BY-SA 4.0) and the Big List of Naughty Strings (Max
// Woolf, MIT), sections "Script Injection" and "Unicode"; the two of Markdown as PayloadsAllTheThings (MIT) has them.
export const HOSTILE = [
  "<script>alert('XSS')</script>",
  '<img src=x onerror=alert(2) />',
  '<svg/onload=alert(\'XSS\')>',
  '"><script>alert(4)</script>',
  "' onmouseover=alert(7) autofocus onfocus=alert(8) x='",
  "javascript:alert('XSS');",
  'data:text/html;base64,PHNjcmlwdD5hbGVydCgnWFNTJyk8L3NjcmlwdD4K',
  '<iframe src="javascript:alert(\'XSS\');"></iframe>',
  '</textarea></title></style></noscript><BODY ONLOAD=alert(1)>',
  '<a href="\\x0Bjavascript:javascript:alert(1)" id="fuzzelement1">test</a>',
  '[a](javascript:prompt(document.cookie)) ![b](javascript:alert(1)) <javascript:alert(1)>',
  '{{constructor.constructor(\'alert(1)\')()}} ${alert(1)} <%= alert(1) %>',
  '\u202e\u2028\u2029\u200b\ufeff\uff1cscript\uff1ealert(1)\uff1c/script\uff1e \u{1F468}\u200d\u{1F469}\u200d\u{1F467} \u0130\u0131',
];

// What of it went wrong on a page: markup that our page never makes, handlers, addresses that are code. In the page.
export const injected = () => {
  const found = [];
  const say = (element, why) => found.push(`${why}: ${element.outerHTML.slice(0, 160)}`);
  for (const element of document.querySelectorAll('*')) {
    if (/^(SCRIPT|IFRAME|OBJECT|EMBED|BASE|FORM|META|LINK|IMG|STYLE)$/.test(element.tagName)) {
      const ours = { SCRIPT: () => element.src.startsWith(location.origin), META: () => document.head.contains(element), LINK: () => document.head.contains(element) && element.href.startsWith(location.origin),
        IMG: () => element.closest('.brand, .sign-in') !== null, FORM: () => !element.hasAttribute('action'), STYLE: () => !/javascript|@import/i.test(element.textContent) }[element.tagName];
      if (!ours?.()) say(element, 'an element');
    }
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) say(element, `a handler ${name}`);
      if (/^(href|src|action|formaction|xlink:href|data)$/i.test(name) && /^[\s\u0000-\u001f]*(javascript|data|vbscript):/i.test(value)
        && !(element.closest('.brand, .sign-in') && value.startsWith('data:image/svg'))) say(element, `an address ${name}`);
    }
  }
  return found;
};
