// What the fields of records are called by people. A field that is not here is the platform's own: it keeps its name.
import { dictionary, useWords } from '../i18n';

const fieldWords = dictionary({
  name: ['Name', 'Nome'], email: ['E-mail', 'E-mail'], phone: ['Phone', 'Telefone'], status: ['Status', 'Situação'], channel: ['Channel', 'Canal'],
  direction: ['Direction', 'Direção'], domain: ['Domain', 'Domínio'], amount: ['Amount', 'Valor'], priority: ['Priority', 'Prioridade'], sku: ['SKU', 'SKU'],
  price: ['Price', 'Preço'], total: ['Total', 'Total'], title: ['Title', 'Título'], subject: ['Subject', 'Assunto'], content: ['Text', 'Texto'],
  number: ['Number', 'Número'], currency: ['Currency', 'Moeda'], type: ['Type', 'Tipo'], timezone: ['Time zone', 'Fuso horário'], quantity: ['Quantity', 'Quantidade'],
  vendor: ['Vendor', 'Fornecedor'], description: ['Description', 'Descrição'], website: ['Website', 'Site'], address: ['Address', 'Endereço'], city: ['City', 'Cidade'],
  country: ['Country', 'País'], company: ['Company', 'Empresa'], sentAt: ['Sent', 'Envio'], orderedAt: ['Ordered', 'Pedido em'], closedAt: ['Closed', 'Fechamento'],
  lastActivityAt: ['Last activity', 'Última atividade'], sourceCreatedAt: ['Created there', 'Criado lá'],
});

export function useFieldWord() {
  const t = useWords(fieldWords);
  return (name: string) => (Object.hasOwn(fieldWords, name) ? t(name as keyof typeof fieldWords) : name);
}
