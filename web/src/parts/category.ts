// What a platform is for, as templates name it: in words of the reader's language where they are known, else as it stands.
import { dictionary, useWords } from '../i18n';

const words = dictionary({
  advertising: ['Advertising', 'Publicidade'],
  analytics: ['Analytics', 'Análise'],
  commerce: ['Commerce', 'Comércio'],
  communication: ['Communication', 'Comunicação'],
  crm: ['CRM', 'CRM'],
  'e-commerce': ['E-commerce', 'E-commerce'],
  logistics: ['Logistics', 'Logística'],
  marketing: ['Marketing', 'Marketing'],
  support: ['Support', 'Suporte'],
});

export function useCategory() {
  const t = useWords(words);
  return (name: string | null | undefined) => {
    const key = (name ?? '').toLowerCase();
    return key in words ? t(key as keyof typeof words) : name ?? '';
  };
}
