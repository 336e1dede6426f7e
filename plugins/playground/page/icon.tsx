/** Drawn here: not every machine has a font with such signs. */
const PATHS = {
  attach: 'M8 12.5 14.6 6a2.5 2.5 0 0 1 3.5 3.5l-8 8a4.5 4.5 0 0 1-6.4-6.4L11 4',
  voice: 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM6 11a6 6 0 0 0 12 0M12 17v4',
  good: 'M7 11v9H4v-9h3Zm0 0 4-8c1.5 0 2.3 1 2 2.500L12.400 9H19c1 0 1.800 1 1.500 2l-1.800 7.500c-.2.900-.9 1.500-1.800 1.500H7',
  bad: 'M7 13V4H4v9h3Zm0 0 4 8c1.500 0 2.300-1 2-2.500L12.400 15H19c1 0 1.800-1 1.500-2l-1.800-7.500C18.500 4.600 17.800 4 16.900 4H7',
  group: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-6 8c0-3 2.500-5 6-5s6 2 6 5M16 5.500a3 3 0 0 1 0 5.500M17 14c2.500.500 4 2.300 4 5',
  file: 'M6 3h8l4 4v14H6V3Zm8 0v4h4'
} as const

export const Icon = ({ name }: { name: keyof typeof PATHS }) => (
  <svg class='icon' viewBox='0 0 24 24' width='18' height='18' fill='none' stroke='currentColor' stroke-width='1.7' aria-hidden='true'>
    <path d={PATHS[name]} stroke-linejoin='round' stroke-linecap='round' />
  </svg>
)
