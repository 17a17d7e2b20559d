// Words in English and Brazilian Portuguese. Each area keeps its own, both languages side by side, so the compiler knows when
// one is missing:
//
//   const words = dictionary({ found: ['{n} record|{n} records', '{n} registro|{n} registros'] });
//   const t = useWords(words);    t('found', { n: 3 })
//
// `|` parts one from many, by {n}. Numbers among the arguments are written as the language writes them.
import { createContext, useContext, useMemo } from 'react';

export type Language = 'en' | 'pt-BR';
export const LANGUAGES: readonly Language[] = ['en', 'pt-BR'];
type Pair = readonly [english: string, portuguese: string];
export type Arguments = Record<string, string | number>;

export const dictionary = <K extends string>(pairs: Record<K, Pair>) => pairs;

const KEPT = 'tidemark.language';
export function languageAtStart(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'pt-BR') return kept;
  return navigator.languages.find((l) => /^(pt|en)/i.test(l))?.toLowerCase().startsWith('pt') ? 'pt-BR' : 'en';
}
export const keepLanguage = (language: Language) => localStorage.setItem(KEPT, language);

export const LanguageContext = createContext<{ language: Language; setLanguage: (l: Language) => void }>({ language: 'en', setLanguage: () => {} });
export const useLanguage = () => useContext(LanguageContext);

const numbers = { en: new Intl.NumberFormat('en'), 'pt-BR': new Intl.NumberFormat('pt-BR') };

function fill(text: string, language: Language, given: Arguments): string {
  const forms = text.split('|');
  const form = forms.length > 1 && given.n !== 1 ? forms[1] : forms[0];
  return (form ?? text).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = given[name];
    return value === undefined ? whole : typeof value === 'number' ? numbers[language].format(value) : value;
  });
}

export function useWords<K extends string>(words: Record<K, Pair>) {
  const { language } = useLanguage();
  return useMemo(() => (key: K, given: Arguments = {}) => fill(words[key][language === 'en' ? 0 : 1], language, given), [words, language]);
}

// ---- numbers and times ----

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

export function useFormats() {
  const { language } = useLanguage();
  return useMemo(() => {
    const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
    const whole = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
    const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    const second = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
    const short = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 });
    return {
      number: (n: number) => numbers[language].format(n),
      short: (n: number) => short.format(n),
      time: (at: string | Date) => whole.format(new Date(at)),
      seconds: (at: string | Date) => second.format(new Date(at)),
      clock: (at: string | Date) => clock.format(new Date(at)),
      ago: (at: string, now = Date.now()) => {
        const seconds = (new Date(at).getTime() - now) / 1000;
        const [unit, length] = UNITS.find(([, l]) => Math.abs(seconds) >= l) ?? ['second', 1];
        return relative.format(Math.trunc(seconds / length), unit);
      },
    };
  }, [language]);
}
