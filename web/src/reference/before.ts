// What has to be so before the reference's components are loaded.
//
// Style elements that they add carry the nonce of this answer (Content-Security-Policy). Some add theirs
// as soon as they are loaded. A browser shows the nonce to scripts only as a property.
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
const create = document.createElement;

document.createElement = function createWithNonce(this: Document, name: string, options?: ElementCreationOptions) {
  const element = create.call(this, name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
} as typeof document.createElement;

// Zod makes code at run time where it may, and tries whether it may: it is told.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
