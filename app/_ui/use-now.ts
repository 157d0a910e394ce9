'use client';
import { useEffect, useState } from 'react';

/** The present, renewed every `everyMs`. null until the page is alive, so that the server's clock never shows. */
export function useNow(everyMs: number): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
