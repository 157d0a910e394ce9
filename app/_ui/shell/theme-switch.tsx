'use client';
import { Check, Monitor, Moon, Sun } from 'lucide-react';
import { useTheme } from 'next-themes';
import { buttonClass } from '../button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '../menu';

const themes = [
  { value: 'light', label: 'Light', Icon: Sun },
  { value: 'dark', label: 'Dark', Icon: Moon },
  { value: 'system', label: 'As the system', Icon: Monitor },
] as const;

export function ThemeSwitch() {
  const { theme, setTheme } = useTheme();
  return (
    <Menu>
      <MenuTrigger className={buttonClass('ghost', 'icon')} aria-label="Theme">
        <Sun aria-hidden className="dark:hidden" />
        <Moon aria-hidden className="hidden dark:block" />
      </MenuTrigger>
      <MenuContent>
        {themes.map(({ value, label, Icon }) => (
          <MenuItem key={value} onSelect={() => setTheme(value)}>
            <Icon aria-hidden />
            {label}
            {theme === value && <Check aria-label="chosen" className="ml-auto" />}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}
