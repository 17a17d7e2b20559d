// What the reference may do: read /openapi.json of this server, and send what a reader tries to this server. All that Scalar
// offers beyond it (its own cloud, fonts, a proxy, a chat, telemetry) is off; the policy of the page forbids it too.
import type { ApiReference } from '@scalar/api-reference';

import type { Language } from '../i18n/language';

type Configuration = InstanceType<typeof ApiReference>['$props']['configuration'];

// What a reader chose on the page; else as the browser is.
const scheme = () => {
  const kept = localStorage.getItem('mantine-color-scheme-value');
  return kept === 'light' || kept === 'dark' ? kept : undefined;
};

export const configuration = (language: Language): Configuration => ({
  url: '/openapi.json', title: 'Tidemark', slug: 'tidemark',
  theme: 'none', withDefaultFonts: false, hideDarkModeToggle: true, forceDarkModeState: scheme(), localization: { locale: language },
  // The shapes stand with the operations; a list of them all would fill the search.
  hideModels: true, documentDownloadType: 'direct', hideClientButton: true, showDeveloperTools: 'never', telemetry: false, persistAuth: false,
  authentication: { preferredSecurityScheme: 'bearer' },
  agent: { disabled: true }, mcp: { disabled: true },
  externalUrls: { dashboardUrl: location.origin, registryUrl: location.origin, proxyUrl: location.origin, apiBaseUrl: location.origin },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
});
