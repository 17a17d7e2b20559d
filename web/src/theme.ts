import { createTheme } from '@mantine/core';
import type { MantineColorsTuple } from '@mantine/core';

const tide: MantineColorsTuple = ['#e6f7f9', '#cfeef2', '#9edce4', '#68c9d5', '#3fb8c8', '#1fa3b5', '#0c8599', '#0b7285', '#095c6b', '#064450'];
const slate: MantineColorsTuple = ['#d3d8df', '#a9b1bd', '#828c9a', '#5d6775', '#39414c', '#2b323b', '#20262d', '#171c22', '#11151a', '#0b0e12'];

// Darker than Mantine's, so that white on it is read by everybody.
const red: MantineColorsTuple = ['#fdeaea', '#fbd0d0', '#f7a6a6', '#f47c7c', '#ff8080', '#e04444', '#cf2f2f', '#c22424', '#a81c1c', '#8c1414'];

export const theme = createTheme({
  primaryColor: 'tide', primaryShade: { light: 7, dark: 7 }, colors: { tide, red, dark: slate },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  defaultRadius: 'sm', radius: { sm: '6px', md: '8px' }, cursorType: 'pointer', respectReducedMotion: true, focusRing: 'auto',
  headings: { fontWeight: '600' },
  components: {
    Button: { defaultProps: { size: 'xs' } }, ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    Checkbox: { defaultProps: { radius: 3 } }, TextInput: { defaultProps: { size: 'sm' } }, Select: { defaultProps: { size: 'sm' } }, Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
    Menu: { defaultProps: { shadow: 'md' } }, Modal: { defaultProps: { centered: true, radius: 'md' } },
  },
});
