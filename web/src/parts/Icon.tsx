// Small line drawings, 16 by 16, in the colour of the text around them. Decoration: what they mean stands beside them in words.
const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5M4 6.5V13h8V6.5',
  plug: 'M6 2v3M10 2v3M4.5 5h7v2.5a3.5 3.5 0 0 1-7 0zM8 11v3',
  run: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  records: 'M2.5 4c0-1 2.5-1.7 5.5-1.7s5.5.7 5.5 1.7-2.5 1.7-5.5 1.7S2.5 5 2.5 4zM2.5 4v8c0 1 2.5 1.7 5.5 1.7s5.5-.7 5.5-1.7V4M2.5 8c0 1 2.5 1.7 5.5 1.7S13.5 9 13.5 8',
  jobs: 'M3 4h10M3 8h10M3 12h6',
  conflict: 'M5 2.5v11M5 5c4 0 6 1.5 6 4v4.5M8.8 11.3 11 13.5l2.2-2.2',
  webhook: 'M8 2.5v5M8 7.5 4 12M8 7.5l4 4.5M8 4.1a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2M3.4 14.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2M12.6 14.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2',
  template: 'M3 3h10v10H3zM3 6.5h10M6.5 6.5V13',
  users: 'M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6M2 13c.3-2.3 1.8-3.5 4-3.5s3.7 1.2 4 3.5M10.5 3.2a2.2 2.2 0 0 1 0 4.2M11.8 9.8c1.3.5 2 1.6 2.2 3.2',
  key: 'M5.5 12.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M7.7 7.3 13 2M11 4l2 2M9.5 5.5l1.5 1.5',
  audit: 'M4 2.5h6l2.5 2.5v8.5H4zM6 7h4.5M6 9.5h4.5M6 12h2.5',
  settings: 'M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M10 6.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3M6 12.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3',
  terminal: 'M2.5 3.5h11v9h-11zM5 6.5 7 8l-2 1.5M8.5 10H11',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  check: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  plus: 'M8 3v10M3 8h10',
  alert: 'M8 2.2 14.2 13H1.8zM8 6.5v3M8 11.3v.2',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7-4.5z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9M10.3 10.3 13.5 13.5',
  out: 'M6.5 13.5h-4v-11h4M6 8h7.5M11 5.5 13.5 8 11 10.5',
  external: 'M9 3h4v4M13 3 7.5 8.5M11 9v4H3V5h4',
  sun: 'M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  arrow: 'M3 8h10M9.5 4.5 13 8l-3.5 3.5',
  back: 'M13 8H3M6.5 4.5 3 8l3.5 3.5',
  down: 'M4 6l4 4 4-4',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.5V8l2.5 1.5',
  shield: 'M8 1.8 13 3.6v4c0 3.2-2 5.5-5 6.6-3-1.1-5-3.4-5-6.6v-4z',
  trash: 'M3 4.5h10M6 4.5V2.8h4v1.7M4.5 4.5l.6 9h5.8l.6-9',
  download: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10',
  filter: 'M2.5 3.5h11L9.5 8.5v4l-3 1v-5z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={name === 'more' ? 2.4 : 1.4}
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
