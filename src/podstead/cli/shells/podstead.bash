# bash completion of podstead; try it with: source <(podstead completion bash)
# The program itself says what can stand at the cursor; this only asks it.

_podstead() {
    local words=() word glue="" typed lead line directive=:none
    local i
    # bash takes words apart at = and : (COMP_WORDBREAKS); podstead reads them whole.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $glue || $word == [=:]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        glue=""
        [[ $word == *[=:] ]] && glue=yes
    done
    typed=${words[${#words[@]} - 1]}
    # What stands before the last = or : is on the line already.
    lead=${typed%"${typed##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files | :directories | :none) directive=$line ;;
            *)
                word=${line%%$'\t'*}
                COMPREPLY+=("${word#"$lead"}")
                ;;
        esac
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete -- "${words[@]}" 2>/dev/null)
    case $directive in
        :files) compopt -o default 2>/dev/null ;;
        :directories) compopt -o dirnames 2>/dev/null ;;
    esac
}

complete -F _podstead podstead
