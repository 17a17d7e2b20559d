// Builds the reference at /docs, apart from the page: the two share no code, and it changes seldom.
//
// Scalar comes whole from npm; what of it this page has no use for, and what the policy of the page forbids, is changed here on
// the way. Each change names the file it is for, and the build fails when a newer version has no such file or words.
import { defineConfig } from 'vite';

import { pack } from './pack.js';

const SCALAR = '/node_modules/@scalar/';

// Ways out of here: a chat, a registry, a cloud. And "Copy as Markdown", which brings a second
// parser of HTML with it, and pictures for the groups, of which we name none.
const LEFT_OUT = [
  'api-reference/dist/components/AgentScalar/AgentScalarButton.vue.js', 'api-reference/dist/components/AgentScalar/AgentScalarDrawer.vue.js',
  'api-reference/dist/components/AgentScalar/OpenMCPButton.vue.js', 'api-reference/dist/features/ask-agent-button/AskAgentButton.vue.js',
  'api-reference/dist/features/developer-tools/DeveloperTools.vue.js', 'api-reference/dist/features/Operation/components/CopyMarkdownButton.vue.js',
  'icons/dist/library/LibraryIcon.vue.js',
];

// Languages of the code samples and of what is answered; the rest of what the highlighter knows is not here.
const LANGUAGES = `bash, c, clojure, csharp, css, curl: curlLanguage, dart, fsharp, go, html: xml, http, java, javascript: javascript$1, json,
  kotlin, objectivec, ocaml, php, plaintext, powershell, python, r, ruby, rust, shell, swift, xml, yaml`;

const CHANGES = {
  'code-highlight/dist/chunks/languages.js': [[/(var standardLanguages = )\{[^}]*\}/, (_, before) => `${before}{ ${LANGUAGES} }`]],
  // A style attribute in markup is what the policy forbids; web/src/reference/style.css says the same for all.
  'code-highlight/dist/chunks/code.js': [[/node\.properties\.style = \[[^\]]*\];/, '']],
  // Links to somebody else's explanations.
  'helpers/dist/http/http-status-codes.js': [[/url: 'https:[^']*'/g, "url: ''"]],
  'helpers/dist/http/http-headers.js': [[/url: 'https:[^']*',?/g, '']],
  'themes/dist/index.js': [[/\.setAttribute\("style", ("[^"]*")\)/g, '.style.cssText = $1']],
};

const changed = () => {
  const left = new Set([...LEFT_OUT, ...Object.keys(CHANGES)]);
  return {
    name: 'changed', apply: 'build', enforce: 'pre',
    transform(code, id) {
      const name = id.includes(SCALAR) ? id.slice(id.lastIndexOf(SCALAR) + SCALAR.length) : '';
      if (!left.has(name)) return null;
      left.delete(name);
      if (LEFT_OUT.includes(name)) return { code: 'export default { render: () => null };', map: null };
      for (const [from, to] of CHANGES[name]) {
        const next = code.replace(from, to);
        if (next === code) this.error(`${name} has no ${from}`);
        code = next;
      }
      return { code, map: null };
    },
    buildEnd(error) { if (!error && left.size) this.error(`not met: ${[...left].join(', ')}`); },
  };
};

let folder = '';
const packed = { name: 'pack', apply: 'build', configResolved(config) { folder = config.build.outDir; }, closeBundle() { pack(folder); } };

export default defineConfig({
  plugins: [changed(), packed],
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false, __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false },
  build: {
    target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, chunkSizeWarningLimit: 4000,
    rollupOptions: { input: 'docs.html' },
  },
});
