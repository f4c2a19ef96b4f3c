/**
 * What a shell has to know of a program to complete its command lines: it asks the program itself, by
 * `PROGRAM __complete WORD…`, whose answer complete.ts describes. Text only.
 */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** First argument of a command line that asks what may come next. */
export const completing = '__complete'

export const completionScript: Readonly<Record<Shell, (program: string) => string>> = {
  bash: program => `# Completion of ${program} for bash 4.1 and newer.
__${program}_complete() {
  local index word words=() answer directive line
  # Bash breaks words at = and : as well; they belong together.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if ((index > 1)) && [[ $word == [=:]* || \${COMP_WORDS[index - 1]} == *[=:] ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
  done
  COMPREPLY=()
  answer=$("\${words[0]}" ${completing} "\${words[@]:1}" 2>/dev/null) || return
  directive=\${answer##*:}
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("\${line%%$'\\t'*}")
  done <<<"$answer"
  ((directive & 2)) && compopt -o nospace
  ((directive & 16)) && compopt -o dirnames
  ((directive == 0)) && compopt -o default
  return 0
}
complete -F __${program}_complete ${program}
`,
  zsh: program => `#compdef ${program}
# Completion of ${program} for zsh: to be sourced after compinit, or kept as _${program} in a folder of $fpath.
_${program}() {
  local -a answer candidates space
  local line directive
  answer=("\${(@f)$("\${(Q)words[1]}" ${completing} "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  directive=\${answer[-1]#:}
  [[ $directive == <-> ]] || return 1
  answer[-1]=()
  # What comes after --option= is completed as a word of its own.
  [[ \${words[CURRENT]} == --*=* ]] && compset -P '*='
  ((directive & 16)) && { _path_files -/; return }
  ((directive == 0)) && { _files; return }
  ((directive & 2)) && space=(-S '')
  for line in $answer; do
    if [[ $line == *$'\\t'* ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      candidates+=("\${line//:/\\\\:}")
    fi
  done
  _describe ${program} candidates "\${space[@]}"
}
if [[ \${funcstack[1]} == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi
`,
  fish: program => `# Completion of ${program} for fish.
function __${program}_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l answer ($program ${completing} $words "$word" 2>/dev/null)
    or return
    set -l directive (string sub -s 2 -- $answer[-1])
    set -e answer[-1]
    # What comes after --option= is completed as a word of its own.
    set -l option (string match -r -- '^--[^=]+=' $word)
    set -l value (string replace -- "$option" '' $word)
    if test $directive -eq 0
        set answer (__fish_complete_path "$value")
    else if test $directive -eq 16
        set answer (__fish_complete_directories "$value" '')
    end
    for each in $answer
        printf '%s%s\\n' "$option" $each
    end
end
complete -c ${program} -f -a '(__${program}_complete)'
`,
}
