# fish completion of podstead; the program itself says what can stand at the cursor, this only asks it.

function __podstead_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    # Of --flag=VALUE only VALUE is a path; the rest goes before each answer.
    set -l lead (string match -r -- '^--[^=]*=' $typed)
    or set lead ''
    for line in ($words[1] __complete -- $words[2..-1] $typed 2>/dev/null)
        switch $line
            case :files
                for path in (__fish_complete_path (string replace -- "$lead" '' $typed))
                    echo -- $lead$path
                end
            case :directories
                for path in (__fish_complete_directories (string replace -- "$lead" '' $typed))
                    echo -- $lead$path
                end
            case :none
            case '*'
                echo -- $line
        end
    end
end

complete -c podstead -f -a '(__podstead_complete)'
