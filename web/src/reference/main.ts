import './before';
import { ApiReference } from '@scalar/api-reference';
import '@scalar/api-reference/style.css';
import { createApp, h } from 'vue';

import { languageAtStart } from '../i18n/language';
import mark from '../mark.svg';
import { keepAccessible } from './accessible';
import { configuration } from './configuration';
import './style.css';
import { words } from './words';

const language = languageAtStart();
const t = (key: keyof typeof words) => words[key][language === 'en' ? 0 : 1];
document.documentElement.lang = language;
document.title = t('title');
keepAccessible(t);

const brand = () => h('a', { class: 'reference-brand', href: '/' }, [h('img', { src: mark, alt: '' }), 'Tidemark']);
const end = () => h('div', { class: 'reference-end' }, [h('a', { href: '/' }, t('back')), h('a', { href: '/openapi.json' }, 'openapi.json')]);

createApp(() => h(ApiReference, { configuration: configuration(language) }, { 'sidebar-start': brand, 'sidebar-end': end })).mount('#root');
