'use client';
import { useState } from 'react';

/**
 * For a layer that no Radix trigger opens: remembers what had the focus when the layer appeared. Call it in a component
 * that is mounted with the layer. @returns the layer's `onCloseAutoFocus`
 */
export function useFocusReturn(): (event: Event) => void {
  // While it renders, before a field of the layer takes the focus.
  const [opener] = useState(() => document.activeElement);
  return (event) => {
    if (!(opener instanceof HTMLElement) || !opener.isConnected) return;
    event.preventDefault();
    opener.focus();
  };
}
