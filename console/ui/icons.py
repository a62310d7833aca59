"""Names of the icons that the console may draw.

Every name is a file of Tabler Icons (`icons/outline/<name>.svg`). `python -m console.ui.vendor`
collects exactly these into one sprite, so a page costs one cached request for all its icons.
To use a new icon: add its name here, run the command, commit the sprite and the lock.
"""

FALLBACK = "square-rounded"

ICONS: frozenset[str] = frozenset(
    """
    activity adjustments affiliate alert-circle alert-octagon alert-triangle api archive
    arrow-back-up arrow-down arrow-left arrow-narrow-right arrow-right arrow-up arrows-shuffle
    arrows-exchange arrows-sort arrows-transfer-down arrows-transfer-up ban bell bolt book books box box-model-2 brain brand-python braces bucket
    building building-community bulb calendar camera certificate chart-bar chart-dots chart-line
    chart-pie chart-scatter check checklist checks chevron-down chevron-left chevron-right
    chevron-up circle-check circle-dashed circle-dot circle-minus circle-x clipboard
    clipboard-check clipboard-list clock clock-hour-4 clock-pause cloud cloud-computing
    cloud-download cloud-upload code columns components copy cpu cube cube-send cut dashboard database
    database-import database-export database-share device-desktop device-desktop-analytics
    device-floppy device-laptop
    dots dots-vertical download edit engine eraser external-link eye eye-off file file-alert
    file-analytics file-code file-database file-description file-import file-text file-upload
    file-zip filter flag flask folder folder-open folder-plus folders gauge git-branch git-compare
    git-merge globe grid-dots hand-stop hash heart-rate-monitor help help-circle history home
    hourglass id id-badge-2 inbox info-circle json key key-off language layers-intersect
    layers-linked layout-dashboard layout-grid layout-list layout-sidebar lifebuoy line-dashed
    link list list-check list-details list-search loader loader-2 lock lock-access lock-open lock-square
    login-2 logout mail mail-check mail-forward map-pin maximize menu-2 message message-chatbot
    minus moon moon-stars mood-empty network notes package package-import packages photo
    photo-search player-pause player-play player-record player-stop plug pencil plug-connected plus
    point pointer report-analytics photo-scan
    progress prompt puzzle question-mark receipt refresh reload replace report rocket rotate
    rotate-clockwise route router ruler-2 scale schema search select send server server-2
    server-bolt server-cog settings settings-automation share share-2 share-3 shield shield-check
    shield-lock shield-x sitemap sparkles square-rounded stack stack-2 stack-3 star
    status-change subtask sun sun-moon switch-horizontal table tag tags target
    target-arrow template terminal terminal-2 test-pipe timeline timeline-event toggle-right tool
    tools topology-star-3 transform trash trending-up upload urgent user user-bolt user-check
    user-circle user-cog user-minus user-plus user-question user-shield user-share users
    users-group vector versions wand wave-sine wifi-off world x zoom-in zoom-question
    """.split()
)
