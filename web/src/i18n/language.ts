// Which language a reader wants: the chosen one, or else the browser's.
export type Language = 'en' | 'pt-BR';

const KEPT = 'tidemark.language';
export function languageAtStart(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'pt-BR') return kept;
  return navigator.languages.find((l) => /^(pt|en)/i.test(l))?.toLowerCase().startsWith('pt') ? 'pt-BR' : 'en';
}
export const keepLanguage = (language: Language) => localStorage.setItem(KEPT, language);
