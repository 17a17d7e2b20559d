// Words in English and Brazilian Portuguese. Each area keeps its own, both languages side by side, so the compiler knows when
// one is missing:
//
//   const words = dictionary({ found: ['{n} record|{n} records', '{n} registro|{n} registros'] });
//   const t = useWords(words);    t('found', { n: 3 })
//
// `|` parts one from many, by {n}. Numbers among the arguments are written as the language writes them.
import { createContext, useContext, useMemo } from 'react';

import type { Language } from './language';

export { keepLanguage, languageAtStart } from './language';
export type { Language } from './language';
export const LANGUAGES: readonly Language[] = ['en', 'pt-BR'];
type Pair = readonly [english: string, portuguese: string];
export type Arguments = Record<string, string | number>;

export const dictionary = <K extends string>(pairs: Record<K, Pair>) => pairs;

export const LanguageContext = createContext<{ language: Language; setLanguage: (l: Language) => void }>({ language: 'en', setLanguage: () => {} });
// `asked`: what the server is asked for, whose own words are English. `said`: what its words, and those of a platform, are marked with.
export function useLanguage() {
  const context = useContext(LanguageContext), foreign = context.language !== 'en';
  return { ...context, asked: foreign ? context.language : undefined, said: foreign ? 'en' : undefined };
}

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

// The browser's formats take a tenth of a millisecond each to make, and every cell of a table asks for some: made once, when
// first needed.
function formatsOf(language: Language) {
  const once = <F,>(make: () => F) => { let made: F | undefined; return () => (made ??= make()); };
  const relative = once(() => new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }));
  const whole = once(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }));
  const clock = once(() => new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }));
  const second = once(() => new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }));
  const short = once(() => new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }));
  return {
    number: (n: number) => numbers[language].format(n),
    short: (n: number) => short().format(n),
    time: (at: string | Date) => whole().format(new Date(at)),
    seconds: (at: string | Date) => second().format(new Date(at)),
    clock: (at: string | Date) => clock().format(new Date(at)),
    ago: (at: string, now = Date.now()) => {
      const seconds = (new Date(at).getTime() - now) / 1000;
      const [unit, length] = UNITS.find(([, l]) => Math.abs(seconds) >= l) ?? ['second', 1];
      return relative().format(Math.trunc(seconds / length), unit);
    },
  };
}
const formats = { en: formatsOf('en'), 'pt-BR': formatsOf('pt-BR') };

export const useFormats = () => formats[useLanguage().language];
