// [English, Portuguese]
export const words = {
  title: ['Tidemark API', 'API do Tidemark'],
  copy: ['Copy', 'Copiar'],
  more: ['More', 'Mais'],
  body: ['Body', 'Corpo'],
  back: ['Back to the page', 'Voltar à página'],
} as const;
