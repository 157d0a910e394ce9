/** The mark: many lines into one hub. */
export function Logo({ className = 'size-5' }: { className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 20 20"
      className={className}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
    >
      <path d="M2 4.5h3.2L8 8.2M2 10h5M2 15.5h3.2L8 11.8M13 10h5" strokeLinecap="round" strokeLinejoin="round" />
      <circle cx="10" cy="10" r="3" />
    </svg>
  );
}
